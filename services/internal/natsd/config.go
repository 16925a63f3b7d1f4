package natsd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

const (
	// Account holds every stream and the users that provision.
	Account = "HABEAS"
	// SystemAccount is the account of the operator: server statistics and
	// leader elections, no streams.
	SystemAccount = "SYS"
	// MaxPayload is the largest message that the server takes, in bytes.
	MaxPayload = 1 << 20

	defaultName         = "habeas"
	defaultHost         = "127.0.0.1"
	defaultStartTimeout = 10 * time.Minute
	minKeyLength        = 32
)

// Config is everything that an embedded server depends on. Dir and Users are
// needed; every other zero value works.
type Config struct {
	// Dir is the data directory: a folder for the streams and the guard's file
	// beside it. Back them up together.
	Dir string
	// ServerName names the server in logs; default habeas.
	ServerName string
	// Host is the address to listen on; default 127.0.0.1. Any other than
	// loopback needs TLS.
	Host string
	// Port is the port to listen on; 0 and -1 take any free one.
	Port int
	// InProcessOnly opens no port at all.
	InProcessOnly bool
	// TLS, when set, is required from every client that comes over the network.
	TLS *TLSFiles
	// Users are the users of the account, at least one.
	Users []User
	// SystemUsers are public nkeys that may use the system account.
	SystemUsers []string
	// MaxStore bounds the bytes of all streams; 0 lets the server take three
	// quarters of the free disk.
	MaxStore int64
	// Key encrypts the store; empty means plain files. A store keeps for life
	// which of the two it is.
	Key Key
	// OldKey is the key before Key. Given once, it makes the start rotate the
	// store to Key; after that it is not needed, and harmless.
	OldKey Key
	// Logger gets the server's log lines; nil drops them.
	Logger *slog.Logger
	// StartTimeout bounds recovery; default ten minutes.
	StartTimeout time.Duration
}

// TLSFiles names PEM files.
type TLSFiles struct {
	CertFile, KeyFile, CAFile string
	// VerifyClients asks every client for a certificate of the CA.
	VerifyClients bool
}

// User is one nkey user and what it may do.
type User struct {
	// Name names the account of a user that is not Unrestricted, small letters
	// and digits; see OwnAccount.
	Name string
	// PublicKey is the public user nkey, which starts with U.
	PublicKey string
	// Publish and Subscribe are the subjects allowed; an empty list allows none.
	// What is published reaches Account, what is subscribed stays in the
	// user's own, but for subjects that begin with _FEED_: what Account's
	// streams deliver there is heard.
	Publish, Subscribe []string
	// Unrestricted lifts both lists. It is for provisioning, not for a service.
	Unrestricted bool
}

// Key is the passphrase that a store is encrypted with. It prints as
// [redacted], also inside other values.
type Key string

// String hides the key.
func (Key) String() string { return "[redacted]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[redacted]" }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func (c Config) withDefaults() Config {
	if c.ServerName == "" {
		c.ServerName = defaultName
	}
	if c.Host == "" {
		c.Host = defaultHost
	}
	if c.Port == 0 {
		c.Port = -1
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = defaultStartTimeout
	}
	return c
}

func (c Config) validate() error {
	return errors.Join(
		plainText("data directory", c.Dir),
		plainText("server name", c.ServerName),
		c.validateListener(),
		c.TLS.validate(),
		c.validateUsers(),
		c.validateKeys(),
	)
}

// validateListener keeps traffic and nkey challenges off the wire in clear.
func (c Config) validateListener() error {
	if err := plainText("listen host", c.Host); err != nil {
		return err
	}
	if c.Port < -1 || c.Port > 65535 {
		return fmt.Errorf("port %d does not exist", c.Port)
	}
	ip := net.ParseIP(c.Host)
	loopback := c.Host == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && c.TLS == nil && !c.InProcessOnly {
		return fmt.Errorf("listening on %s needs TLS", c.Host)
	}
	return nil
}

func (f *TLSFiles) validate() error {
	if f == nil {
		return nil
	}
	return errors.Join(
		plainText("certificate file", f.CertFile),
		plainText("certificate key file", f.KeyFile),
		plainText("CA file", f.CAFile),
	)
}

func (c Config) validateUsers() error {
	if len(c.Users) == 0 {
		return errors.New("no user is given: the server would let anyone in")
	}
	seen := map[string]bool{}
	for _, key := range c.publicKeys() {
		if !nkeys.IsValidPublicUserKey(key) {
			return errors.New("a user has no valid public user nkey")
		}
		if seen[key] {
			return fmt.Errorf("user %s is given twice", key)
		}
		seen[key] = true
	}
	return errors.Join(c.validateSubjects(), c.validateNames())
}

func (c Config) publicKeys() []string {
	keys := make([]string, 0, len(c.Users)+len(c.SystemUsers))
	for _, user := range c.Users {
		keys = append(keys, user.PublicKey)
	}
	return append(keys, c.SystemUsers...)
}

func (c Config) validateSubjects() error {
	for _, user := range c.Users {
		for _, list := range [][]string{user.Publish, user.Subscribe} {
			for _, subject := range list {
				if err := plainText("subject", subject); err != nil {
					return fmt.Errorf("user %s: %w", user.PublicKey, err)
				}
			}
		}
	}
	return nil
}

func (c Config) validateKeys() error {
	if c.OldKey != "" && c.Key == "" {
		return errors.New("an old key is given without a new one")
	}
	for _, key := range []Key{c.Key, c.OldKey} {
		if key != "" && len(key) < minKeyLength {
			return fmt.Errorf("an encryption key is shorter than %d characters", minKeyLength)
		}
	}
	return nil
}

// plainText refuses what could end a quoted string of the configuration file,
// and nothing at all.
func plainText(what, text string) error {
	if text == "" {
		return fmt.Errorf("the %s is empty", what)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return fmt.Errorf("the %s contains a quote, a backslash or a control character", what)
	}
	return nil
}
