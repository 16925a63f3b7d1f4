package kms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
	"habeas.internal/services/internal/seal/rows"
)

// cloudKey stands in for a root key in a cloud: it counts what it is asked.
type cloudKey struct {
	kms.AEAD
	calls atomic.Int32
	away  atomic.Bool
}

func newCloudKey(t testing.TB) *cloudKey {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	aead, err := kms.Local(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &cloudKey{AEAD: aead}
}

var errCloud = errors.New("cloud is away")

func (k *cloudKey) ask() error {
	k.calls.Add(1)
	if k.away.Load() {
		return errCloud
	}
	return nil
}

func (k *cloudKey) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	if err := k.ask(); err != nil {
		return nil, err
	}
	return k.AEAD.EncryptWithContext(ctx, plaintext, associatedData)
}

func (k *cloudKey) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	if err := k.ask(); err != nil {
		return nil, err
	}
	return k.AEAD.DecryptWithContext(ctx, ciphertext, associatedData)
}

func openRooted(t testing.TB, store rows.Store, roots ...kms.Root) *kms.Rooted {
	t.Helper()
	s, err := kms.NewRooted(store, "main", roots...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unwrap(t testing.TB, s kms.Store, ref kms.Ref, wrapped []byte) error {
	t.Helper()
	aead, err := s.AEAD(t.Context(), ref)
	if err != nil {
		return err
	}
	plain, err := aead.DecryptWithContext(t.Context(), wrapped, []byte("purpose"))
	if err == nil && !bytes.Equal(plain, bytes.Repeat([]byte{7}, 32)) {
		t.Error("another key came out")
	}
	return err
}

func TestARootKeyIsAskedOnceForEachKEK(t *testing.T) {
	root, store := newCloudKey(t), new(rows.Memory)
	s := openRooted(t, store, kms.Root{Name: "aws-kms://one", AEAD: root})
	if err := s.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, s, transitRef(1))
	for range 5 {
		if err := unwrap(t, s, transitRef(1), wrapped); err != nil {
			t.Fatal(err)
		}
	}
	if n := root.calls.Load(); n != 2 { // to wrap it, and to open it
		t.Errorf("the cloud was asked %d times, want 2", n)
	}
	root.away.Store(true)
	if err := unwrap(t, openRooted(t, store, kms.Root{Name: "aws-kms://one", AEAD: root}), transitRef(1), wrapped); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("the cloud is away: %v, want ErrUnavailable", err)
	}
}

// What one process destroys no other uses, though it has it open.
func TestWhatIsDestroyedUnderARootKeyIsUsedByNobody(t *testing.T) {
	root, store := newCloudKey(t), new(rows.Memory)
	one := openRooted(t, store, kms.Root{Name: "r", AEAD: root})
	other := openRooted(t, store, kms.Root{Name: "r", AEAD: root})
	for epoch := range uint64(3) {
		if err := one.Create(t.Context(), transitRef(epoch+1)); err != nil {
			t.Fatal(err)
		}
	}
	wrapped := wrap(t, other, transitRef(2))
	if _, err := one.Destroy(t.Context(), transitRef(2)); err != nil {
		t.Fatal(err)
	}
	if err := unwrap(t, other, transitRef(2), wrapped); !errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("the other process: %v, want ErrNoKEK", err)
	}
	if err := other.Create(t.Context(), transitRef(1)); !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("made again: %v", err)
	}
	wrap(t, other, transitRef(3))
}

func TestKEKsSettleUnderANewRootKey(t *testing.T) {
	first, second, store := newCloudKey(t), newCloudKey(t), new(rows.Memory)
	before := openRooted(t, store, kms.Root{Name: "one", AEAD: first})
	if err := errors.Join(before.Create(t.Context(), transitRef(1)), before.Create(t.Context(), transitRef(2))); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, before, transitRef(1))
	if err := unwrap(t, openRooted(t, store, kms.Root{Name: "two", AEAD: second}), transitRef(1), wrapped); err == nil || errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("without the old root key: %v", err)
	}
	both := openRooted(t, store, kms.Root{Name: "two", AEAD: second}, kms.Root{Name: "one", AEAD: first})
	if err := unwrap(t, both, transitRef(1), wrapped); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if moved, err := both.Settle(t.Context()); err != nil || moved != want {
			t.Errorf("%d moved (%v), want %d", moved, err, want)
		}
	}
	if err := unwrap(t, openRooted(t, store, kms.Root{Name: "two", AEAD: second}), transitRef(1), wrapped); err != nil {
		t.Errorf("under the new root key alone: %v", err)
	}
}

func TestARowOfKEKsThatWasMovedIsNotUsed(t *testing.T) {
	root, store := newCloudKey(t), new(rows.Memory)
	s := openRooted(t, store, kms.Root{Name: "r", AEAD: root})
	if err := s.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	row, err := store.Get(t.Context(), "habeas.vault.0a.kek.acme-1.main")
	if err == nil {
		_, err = store.Put(t.Context(), "habeas.vault.0b.kek.acme-1.main", row.Value, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AEAD(t.Context(), kms.Ref{Tenant: "acme-1", Partition: "0b", Epoch: 1}); !errors.Is(err, kms.ErrDamaged) {
		t.Errorf("a moved row: %v, want ErrDamaged", err)
	}
}

func TestAKeyStoreIsChosenByItsAddress(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keks")
	cloud := map[string]kms.Opener{"aws-kms": func(context.Context, string) (kms.AEAD, error) { return newCloudKey(t), nil }}
	for address, lingers := range map[string]time.Duration{
		"file://" + dir: 0,
		"aws-kms://arn:aws:kms:eu-central-1:1:key/a?lingers=720h": 720 * time.Hour,
	} {
		got, err := kms.Open(t.Context(), kms.Opening{Address: address, Rows: new(rows.Memory), Roots: cloud})
		if err != nil || got.Lingers != lingers {
			t.Errorf("%s: lingers %s (%v)", address, got.Lingers, err)
			continue
		}
		if err := got.Create(t.Context(), transitRef(1)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, hint := range map[string]string{
		"":                                "scheme",
		"/var/lib/keks":                   "scheme",
		"file://keks":                     "absolute",
		"file:///k?mode=1":                "parameters",
		"aws-kms://arn:a:b":               "lingers",
		"gcp-kms://projects/p?lingers=1h": "no adapter for gcp-kms://; it has file://, hcvault://, aws-kms://",
		"azure-kv://x?lingers=1h":         "no adapter",
		"hcvault://vault:8200/transit?token_file=/t":          "lingers",
		"hcvault://vault:8200/transit?lingers=1h":             "token_file",
		"hcvault://vault/transit?lingers=1h&token_file=/t":    "host:port",
		"hcvault://vault:8200?lingers=1h&token_file=/t":       "mount",
		"hcvault://v:1/t?lingers=1h&token_file=/t&tokenfile=": "parameters",
		"hcvault://v:1/t?lingers=1h&token_file=/t&ca_file=/x": "ca_file",
	} {
		_, err := kms.Open(t.Context(), kms.Opening{Address: address, Rows: new(rows.Memory), Roots: cloud})
		if !errors.Is(err, kms.ErrAddress) || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v, want an error that speaks of %s", address, err, hint)
		}
	}
}

func TestAVaultIsOpenedByItsAddress(t *testing.T) {
	server := transittest.New(t)
	at := vaultAddress(t, server)
	got, err := kms.Open(t.Context(), kms.Opening{Address: at})
	if err != nil || got.Lingers != 168*time.Hour {
		t.Fatalf("lingers %s: %v", got.Lingers, err)
	}
	if err := got.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	wrap(t, got, transitRef(1))
	server.Seal(true)
	if _, err := kms.Open(t.Context(), kms.Opening{Address: at}); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("sealed: %v, want ErrUnavailable", err)
	}
	server.Seal(false)
	server.Admit("hvs.other", "")
	if _, err := kms.Open(t.Context(), kms.Opening{Address: at}); !errors.Is(err, kms.ErrRefused) {
		t.Errorf("another token: %v, want ErrRefused", err)
	}
	server.Admit(transittest.Token, "")
}

func TestRegionsAreOpenedByTheirAddresses(t *testing.T) {
	server, dir, store := transittest.New(t), t.TempDir(), new(rows.Memory)
	east, west := newCloudKey(t), newCloudKey(t)
	o := kms.Opening{Rows: store, Roots: map[string]kms.Opener{"aws-kms": func(_ context.Context, at string) (kms.AEAD, error) {
		if strings.Contains(at, "east") {
			return east, nil
		}
		return west, nil
	}}}
	for name, addresses := range map[string][]string{
		"a Vault and files": {vaultAddress(t, server), "file://" + filepath.Join(dir, "keks")},
		"two clouds":        {"aws-kms://east?lingers=1h&name=east", "aws-kms://west?lingers=200h&name=west"},
		"one":               {"file://" + filepath.Join(dir, "alone")},
	} {
		got, err := kms.OpenAll(t.Context(), addresses, o)
		if err == nil {
			err = got.Create(t.Context(), transitRef(1))
		}
		if err != nil || len(addresses) > 1 && got.Lingers < 168*time.Hour {
			t.Errorf("%s: lingers %s (%v)", name, got.Lingers, err)
			continue
		}
		wrapped := wrap(t, got, transitRef(1))
		for _, one := range addresses {
			alone, err := kms.OpenAll(t.Context(), []string{one}, o)
			if err == nil {
				err = unwrap(t, alone, transitRef(1), wrapped)
			}
			if err != nil {
				t.Errorf("%s: one alone: %v", name, err)
			}
		}
		if moved, err := got.Settle(t.Context()); moved != 0 || err != nil {
			t.Errorf("%s: %d settled (%v)", name, moved, err)
		}
	}
	for name, addresses := range map[string][]string{
		"none":                {},
		"the same twice":      {"file://" + dir, "file://" + dir},
		"two of the one name": {"aws-kms://east?lingers=1h", "aws-kms://west?lingers=1h"},
	} {
		if _, err := kms.OpenAll(t.Context(), addresses, o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// vaultAddress is the address of a test's server, its token and certificate in
// files.
func vaultAddress(t testing.TB, server *transittest.Server) string {
	t.Helper()
	token, ca := server.Files(t)
	return "hcvault://" + strings.TrimPrefix(server.URL, "https://") + "/transit?lingers=168h&token_file=" + token + "&ca_file=" + ca
}
