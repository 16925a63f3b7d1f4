package natsd_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"habeas.internal/services/internal/natsd"
)

func TestARotatedStoreKeepsEverythingAndOpensWithTheNewKeyAlone(t *testing.T) {
	cfg, admin := encrypted(t)
	rotating := withKeys(cfg, testKey("b"), testKey("a"))
	first := run(t, rotating)
	expectLog(t, connect(t, first, admin))
	first.Shutdown()

	expectRefused(t, cfg, natsd.WrongKey)
	run(t, rotating).Shutdown()
	expectLog(t, connect(t, run(t, withKeys(cfg, testKey("b"), "")), admin))
	expectFolders(t, cfg.Dir, "store-2")
}

func TestAnInterruptedRotationLeavesTheOldKeyInForce(t *testing.T) {
	cfg, admin := encrypted(t)
	half := natsd.StreamFolder(filepath.Join(cfg.Dir, "store-2"), "LOG")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	expectRefused(t, withKeys(cfg, testKey("b"), ""), natsd.WrongKey)
	s := run(t, cfg)
	expectLog(t, connect(t, s, admin))
	s.Shutdown()
	expectFolders(t, cfg.Dir, "store-1")

	expectLog(t, connect(t, run(t, withKeys(cfg, testKey("b"), testKey("a"))), admin))
}

func TestARotationThatFailsChangesNothing(t *testing.T) {
	cfg, admin := encrypted(t)
	wrapped := filepath.Join(natsd.StreamFolder(filepath.Join(cfg.Dir, "store-1"), "LOG"), "obs", "reader", "meta.key")
	kept, err := os.ReadFile(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	write(t, wrapped, make([]byte, len(kept)))
	if s, err := natsd.Start(t.Context(), withKeys(cfg, testKey("b"), testKey("a"))); err == nil {
		s.Shutdown()
		t.Fatal("the store was rotated without its consumer")
	}
	expectFolders(t, cfg.Dir, "store-1")

	write(t, wrapped, kept)
	expectLog(t, connect(t, run(t, cfg), admin))
}

func TestADamagedStoreIsNotRotated(t *testing.T) {
	cfg, _ := encrypted(t)
	block := filepath.Join(natsd.StreamFolder(filepath.Join(cfg.Dir, "store-1"), "LOG"), "msgs", "1.blk")
	content, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	write(t, block, content)
	if s, err := natsd.Start(t.Context(), withKeys(cfg, testKey("b"), testKey("a"))); err == nil {
		s.Shutdown()
		t.Fatal("the store was rotated, and the damage sealed with the new key")
	}
	expectFolders(t, cfg.Dir, "store-1")
}

// encrypted makes a store under key a that holds five messages, and a consumer
// that has acknowledged three of them.
func encrypted(t *testing.T) (natsd.Config, natsd.UserKey) {
	t.Helper()
	cfg, admin := configuration(t)
	cfg.Key = testKey("a")
	s := run(t, cfg)
	conn := connect(t, s, admin)
	publish(t, conn, 5)
	reader, err := jetStream(t, conn).CreateConsumer(t.Context(), "LOG", jetstream.ConsumerConfig{Durable: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		msg, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	s.Shutdown()
	return cfg, admin
}

// expectLog wants what encrypted has made.
func expectLog(t *testing.T, conn *nats.Conn) {
	t.Helper()
	expectMessages(t, conn, 5)
	reader, err := jetStream(t, conn).Consumer(t.Context(), "LOG", "reader")
	if err != nil {
		t.Fatal(err)
	}
	if floor := reader.CachedInfo().AckFloor.Stream; floor != 3 {
		t.Errorf("the consumer has acknowledged %d messages, want 3", floor)
	}
}

func withKeys(cfg natsd.Config, key, old natsd.Key) natsd.Config {
	cfg.Key, cfg.OldKey = key, old
	return cfg
}

func expectFolders(t *testing.T, dir string, want ...string) {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(dir, "store-[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
