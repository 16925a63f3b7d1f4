package login

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"habeas.internal/services/internal/wholefile"

	"github.com/golang-jwt/jwt/v5"
)

// Session is what is kept of a log-in.
type Session struct {
	Issuer  string    `json:"issuer"`
	Client  string    `json:"client"`
	Subject string    `json:"subject"`
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token,omitempty"`
	Ends    time.Time `json:"ends"`
}

// String keeps tokens out of whatever prints a session.
func (s Session) String() string { return "session of " + s.Client + " at " + s.Issuer }

// GoString is the same for %#v.
func (s Session) GoString() string { return s.String() }

// Claims are what a token says, unchecked: for people to read, and for nothing
// else. The services check.
type Claims struct {
	Subject string    `json:"subject"`
	Tenant  string    `json:"tenant"`
	Roles   []string  `json:"roles"`
	Ends    time.Time `json:"ends"`
}

// ClaimsOf reads a token. One that is no JWT says nothing.
func ClaimsOf(token string) (Claims, bool) {
	var c struct {
		jwt.RegisteredClaims

		Tenant string   `json:"tenant"`
		Roles  []string `json:"roles"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil {
		return Claims{}, false
	}
	out := Claims{Subject: c.Subject, Tenant: c.Tenant, Roles: c.Roles}
	if c.ExpiresAt != nil {
		out.Ends = c.ExpiresAt.UTC()
	}
	return out, true
}

// ErrExposed says that others may read what only its owner must.
var ErrExposed = errors.New("may be read by others: log out, log in again, and have the issuer revoke what was there")

// Folder is where sessions lie: a file for each issuer and client.
type Folder string

// FolderOf is the folder of whoever has the environment: habeas, in
// XDG_CONFIG_HOME, or else in .config of the home.
func FolderOf(environ []string) (Folder, error) {
	var home, config string
	for _, pair := range environ {
		switch name, value, _ := strings.Cut(pair, "="); name {
		case "HOME":
			home = value
		case "XDG_CONFIG_HOME":
			config = value
		}
	}
	if config == "" && home != "" {
		config = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(config) {
		return "", fmt.Errorf("neither HOME nor XDG_CONFIG_HOME says where to keep it: %w", ErrConfig)
	}
	return Folder(filepath.Join(config, "habeas")), nil
}

func (f Folder) path(cfg Config) string {
	digest := sha256.Sum256([]byte(cfg.Issuer + "\n" + cmp.Or(cfg.Client, defaultClient)))
	return filepath.Join(string(f), "login-"+hex.EncodeToString(digest[:8])+".json")
}

// Load reads the session of an issuer; [ErrEnded] if there is none.
func (f Folder) Load(cfg Config) (*Session, error) {
	path := f.path(cfg)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, fmt.Errorf("read log-in: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s %w", path, ErrExposed)
	}
	text, err := wholefile.Read(path, wholefile.Usual)
	if err != nil {
		return nil, fmt.Errorf("read log-in: %w", err)
	}
	s := new(Session)
	if json.Unmarshal(text, s) != nil || s.Issuer != cfg.Issuer || s.Access == "" {
		return nil, fmt.Errorf("%s is malformed: %w", path, ErrEnded)
	}
	return s, nil
}

// Save replaces the session of an issuer in one step.
func (f Folder) Save(cfg Config, s *Session) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("keep log-in: %w", err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep log-in: %w", err)
	}
	if err := f.write(f.path(cfg)+lastSuffix, []byte(s.Subject)); err != nil {
		return err
	}
	return f.write(f.path(cfg), text)
}

// lastSuffix ends the name of the file that says who was last logged in.
const lastSuffix = ".last"

// write replaces a file in one step.
func (f Folder) write(path string, text []byte) error {
	file, err := os.CreateTemp(string(f), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep log-in: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep log-in: %w", err), os.Remove(file.Name()))
	}
	return nil
}

// Last is the subject of whoever was last logged in at an issuer; empty if nobody
// was. It outlives their session.
func (f Folder) Last(cfg Config) (string, error) {
	text, err := wholefile.Read(f.path(cfg)+lastSuffix, wholefile.Usual)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read who was logged in: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// Remove forgets the session of an issuer, whatever its file looks like.
func (f Folder) Remove(cfg Config) error {
	if err := os.Remove(f.path(cfg)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget log-in: %w", err)
	}
	return nil
}

// lock keeps two commands from renewing one session at once: many issuers end a
// session whose renewal is asked for twice. The process's end frees it.
func (f Folder) lock(cfg Config) (unlock func(), err error) {
	file, err := os.OpenFile(f.path(cfg)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock log-in: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock log-in: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
