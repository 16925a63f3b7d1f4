package natsd_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/testwait"
)

func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	cfg, admin := configuration(t)
	first := run(t, cfg)
	publish(t, connect(t, first, admin), 10)
	first.Shutdown()

	index := filepath.Join(natsd.StreamFolder(first.StoreFolder(), "LOG"), "msgs", "index.db")
	if _, err := os.Stat(index); err != nil {
		t.Errorf("an orderly end left no index, so the next start has to scan the store: %v", err)
	}
	second := run(t, cfg)
	expectMessages(t, connect(t, second, admin), 10)
}

func TestOnlyAClientOfTheSameAuthorityGetsPastTLS(t *testing.T) {
	const id = "spiffe://habeas.test/svc/nats"
	cfg, admin := configuration(t)
	server := identity(t, id)
	cfg.TLS = &natsd.TLSFiles{
		CertFile: server.CertFile, KeyFile: server.KeyFile, CAFile: server.CAFile, VerifyClients: true,
	}
	s := run(t, cfg)
	publish(t, connect(t, s, admin, nats.Secure(server.ClientTLS(id))), 1)
	expectMessages(t, connectInProcess(t, s, admin), 1)

	anonymous := server.ClientTLS(id)
	anonymous.Certificates = nil
	for name, options := range map[string][]nats.Option{
		"a foreign certificate": {nats.Secure(identity(t, id).ClientTLS(id))},
		"no certificate":        {nats.Secure(anonymous)},
		"a TLS 1.2 client":      {nats.Secure(server.ClientTLS(id)), oldTLS},
	} {
		conn, err := nats.Connect(s.ClientURL(), append(options, seed(t, admin))...)
		if err == nil {
			conn.Close()
			t.Errorf("%s was let in", name)
		}
	}
}

func oldTLS(o *nats.Options) error {
	o.TLSConfig.MinVersion, o.TLSConfig.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	return nil
}

func identity(t *testing.T, id string) *localca.Identity {
	t.Helper()
	ca, err := localca.Open(t.TempDir(), "habeas.test")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(localca.Request{Name: "nats", ID: id, Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestAnInProcessServerOpensNoPort(t *testing.T) {
	cfg, admin := configuration(t)
	cfg.InProcessOnly = true
	s := run(t, cfg)
	publish(t, connectInProcess(t, s, admin), 1)
	if err := s.Health(); err != nil {
		t.Errorf("a working server is not healthy: %v", err)
	}
	s.Shutdown()
	if s.Health() == nil {
		t.Error("a stopped server says that it is healthy")
	}
}

func TestAServiceUserMayDoWhatIsListedAndNothingElse(t *testing.T) {
	cfg, admin := configuration(t)
	service := userKey(t, "service")
	idle := userKey(t, "idle")
	cfg.Users = append(cfg.Users,
		natsd.User{
			Name:      "service",
			PublicKey: service.PublicKey,
			Publish:   []string{"log.one", "$JS.API.STREAM.INFO.LOG"},
			Subscribe: []string{"_INBOX_service.>"},
		},
		natsd.User{Name: "idle", PublicKey: idle.PublicKey},
	)
	s := run(t, cfg)
	publish(t, connect(t, s, admin), 1)

	refused := make(chan error, 10)
	conn := connect(t, s, service, nats.CustomInboxPrefix("_INBOX_service"), reportTo(refused))
	js := jetStream(t, conn)
	if _, err := js.Publish(t.Context(), "log.one", nil); err != nil {
		t.Errorf("publish to an allowed subject: %v", err)
	}
	stream, err := js.Stream(t.Context(), "LOG")
	if err != nil {
		t.Fatalf("look up the stream: %v", err)
	}
	for name, act := range map[string]func(context.Context) error{
		"publish elsewhere":  func(ctx context.Context) error { _, err := js.Publish(ctx, "log.two", nil); return err },
		"purge the stream":   func(ctx context.Context) error { return stream.Purge(ctx) },
		"delete the stream":  func(ctx context.Context) error { return js.DeleteStream(ctx, "LOG") },
		"delete one message": func(ctx context.Context) error { return stream.DeleteMsg(ctx, 1) },
	} {
		expectRefusal(t, name, refused, act)
	}

	listener := connect(t, s, idle, reportTo(refused))
	expectRefusal(t, "subscribe with an empty list", refused, func(context.Context) error {
		sub, err := listener.SubscribeSync(">")
		if err != nil {
			return err
		}
		return errors.Join(listener.Flush(), expectSilence(sub))
	})
	expectMessages(t, connect(t, s, admin), 2)
}

// expectSilence turns the wanted outcome, no message, into an error, as all
// other refusals are one.
func expectSilence(sub *nats.Subscription) error {
	_, err := sub.NextMsg(time.Millisecond)
	return err
}

func TestAStrangerIsNotLetIn(t *testing.T) {
	cfg, _ := configuration(t)
	s := run(t, cfg)
	for name, option := range map[string]nats.Option{
		"without a key":      nats.Name("nobody"),
		"with a foreign key": seed(t, userKey(t, "stranger")),
	} {
		conn, err := nats.Connect(s.ClientURL(), option)
		if err == nil {
			conn.Close()
			t.Errorf("a client %s was let in", name)
		}
	}
}

func TestAStartThatCannotSucceedFailsSoonAndLeavesTheStoreFree(t *testing.T) {
	cfg, _ := configuration(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := cfg
	busy.Port = taken.Addr().(*net.TCPAddr).Port
	began := time.Now()
	if _, err := natsd.Start(t.Context(), busy); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want the reason that the port is taken", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the failure took %s to be noticed", took)
	}
	run(t, cfg)
}

func TestAStartEndsWithItsContext(t *testing.T) {
	cfg, _ := configuration(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the operator changed their mind"))
	if s, err := natsd.Start(ctx, cfg); err == nil {
		s.Shutdown()
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	run(t, cfg)
}

func TestServerLinesReachTheLogger(t *testing.T) {
	cfg, _ := configuration(t)
	var lines strings.Builder
	cfg.Logger = slog.New(slog.NewJSONHandler(&lines, nil))
	run(t, cfg).Shutdown()
	if !strings.Contains(lines.String(), "Server is ready") {
		t.Errorf("the log does not say that the server is ready:\n%s", lines.String())
	}
}

func TestAConfigurationThatWouldBeUnsafeIsRefused(t *testing.T) {
	good, _ := configuration(t)
	public, other := good.Users[0].PublicKey, userKey(t, "other").PublicKey
	for name, spoil := range map[string]func(*natsd.Config){
		"no user":                func(c *natsd.Config) { c.Users = nil },
		"a user twice":           func(c *natsd.Config) { c.SystemUsers = []string{public} },
		"a user that is no nkey": func(c *natsd.Config) { c.Users = []natsd.User{{PublicKey: "Umbrella"}} },
		"a subject that ends quotes": func(c *natsd.Config) {
			c.Users = []natsd.User{{Name: "x", PublicKey: public, Publish: []string{`a"]}`}}}
		},
		"a user without a name":       func(c *natsd.Config) { c.Users = []natsd.User{{PublicKey: public}} },
		"a name that ends an account": func(c *natsd.Config) { c.Users = []natsd.User{{Name: "x }", PublicKey: public}} },
		"two users of one name": func(c *natsd.Config) {
			c.Users = []natsd.User{{Name: "x", PublicKey: public}, {Name: "x", PublicKey: other}}
		},
		"an open port without TLS": func(c *natsd.Config) { c.Host = "0.0.0.0" },
		"a short key":              func(c *natsd.Config) { c.Key = "short" },
		"an old key alone":         func(c *natsd.Config) { c.OldKey = testKey("old") },
		"no directory":             func(c *natsd.Config) { c.Dir = "" },
		"a port too high":          func(c *natsd.Config) { c.Port = 70000 },
		"TLS without files":        func(c *natsd.Config) { c.TLS = &natsd.TLSFiles{} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			if s, err := natsd.Start(t.Context(), bad); err == nil {
				s.Shutdown()
				t.Error("the server started")
			}
		})
	}
}

func TestAKeyIsNeverPrinted(t *testing.T) {
	cfg := natsd.Config{Key: testKey("a"), OldKey: testKey("b")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("configuration", slog.Any("config", cfg), slog.Any("key", cfg.Key))
	for _, text := range []string{fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), log.String()} {
		if strings.Contains(text, "aaaa") || strings.Contains(text, "bbbb") {
			t.Errorf("the key is printed in %s", text)
		}
	}
}

// configuration returns a plain server's configuration and its unrestricted
// user.
func configuration(t *testing.T) (natsd.Config, natsd.UserKey) {
	t.Helper()
	admin := userKey(t, "admin")
	return natsd.Config{
		Dir:   filepath.Join(t.TempDir(), "data"),
		Users: []natsd.User{{PublicKey: admin.PublicKey, Unrestricted: true}},
	}, admin
}

func userKey(t *testing.T, name string) natsd.UserKey {
	t.Helper()
	key, err := natsd.OpenUserKey(filepath.Join(t.TempDir(), "users"), name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testKey(letter string) natsd.Key { return natsd.Key(strings.Repeat(letter, 40)) }

func run(t *testing.T, cfg natsd.Config) *natsd.Server {
	t.Helper()
	s, err := natsd.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func seed(t *testing.T, key natsd.UserKey) nats.Option {
	t.Helper()
	option, err := nats.NkeyOptionFromSeed(key.SeedFile)
	if err != nil {
		t.Fatal(err)
	}
	return option
}

func connect(t *testing.T, s *natsd.Server, key natsd.UserKey, options ...nats.Option) *nats.Conn {
	t.Helper()
	return dial(t, s.ClientURL(), append(options, seed(t, key))...)
}

// connectInProcess gives no address: one that begins with tls would make the
// client ask for TLS inside the process.
func connectInProcess(t *testing.T, s *natsd.Server, key natsd.UserKey) *nats.Conn {
	t.Helper()
	return dial(t, "", nats.InProcessServer(s), seed(t, key))
}

func dial(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func jetStream(t *testing.T, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// publish makes the stream LOG and puts n messages into it.
func publish(t *testing.T, conn *nats.Conn, n int) {
	t.Helper()
	js := jetStream(t, conn)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := js.Publish(t.Context(), "log.one", []byte("something")); err != nil {
			t.Fatal(err)
		}
	}
}

// expectMessages reads the stream LOG from its beginning to its end.
func expectMessages(t *testing.T, conn *nats.Conn, want int) {
	t.Helper()
	js := jetStream(t, conn)
	reader, err := js.OrderedConsumer(t.Context(), "LOG", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := reader.FetchNoWait(want + 1)
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for range batch.Messages() {
		got++
	}
	if got != want || batch.Error() != nil {
		t.Errorf("the stream holds %d messages, want %d (%v)", got, want, batch.Error())
	}
}

func reportTo(refused chan error) nats.Option {
	return nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
}

// expectRefusal wants the act to fail and the server to say why, which it does
// on another way than the answer.
func expectRefusal(t *testing.T, name string, refused chan error, act func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := act(ctx); err == nil {
		t.Errorf("%s: the server let it pass", name)
	}
	testwait.For(t, 5*time.Second, func() error {
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				return fmt.Errorf("%s: got %w, want a permission violation", name, err)
			}
			return nil
		default:
			return fmt.Errorf("%s: no permission violation is reported", name)
		}
	})
}
