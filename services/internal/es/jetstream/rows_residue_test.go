package jetstream_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/protobuf/proto"
)

// wrappedSize is the length of a wrapped data key: nonce, key, tag.
const wrappedSize = 12 + 32 + 16

// residue fills a vault with keys, destroys some, and searches files for the
// bytes in which they were wrapped.
type residue struct {
	*testing.T
	world   *sealtest.World
	process *sealtest.Process
	ids     []seal.KeyID
	wrapped map[seal.KeyID][]byte
}

func newResidue(t *testing.T, store rows.Store, keys int) *residue {
	t.Helper()
	files, err := kms.OpenFile(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	r := &residue{T: t, world: sealtest.NewWorld(store), wrapped: map[seal.KeyID][]byte{}}
	r.world.KMS = files
	r.process = r.world.Serve(t, nil)
	for range keys {
		r.create()
	}
	for row, err := range store.List(t.Context(), "habeas.vault.*.key.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		r.note(row)
	}
	if len(r.wrapped) != keys {
		t.Fatalf("%d wrapped keys were written, want %d", len(r.wrapped), keys)
	}
	return r
}

func (r *residue) create() {
	r.Helper()
	holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
	if err != nil {
		r.Fatal(err)
	}
	id := seal.KeyID{Tenant: "t1", Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
	if _, err := r.process.Vault.GetOrCreate(r.Context(), vault.Access{Reader: "test", Purpose: "testing"}, id); err != nil {
		r.Fatal(err)
	}
	r.ids = append(r.ids, id)
}

func (r *residue) note(row rows.Row) {
	k := new(sealv1.KeyRow)
	if err := proto.Unmarshal(row.Value, k); err != nil {
		r.Fatal(err)
	}
	holder, err := seal.ParseHolder(k.GetHolder())
	if err != nil || len(k.GetWrapped()) != wrappedSize {
		r.Fatalf("a wrapped key of %d bytes (%v)", len(k.GetWrapped()), err)
	}
	r.wrapped[seal.KeyID{Tenant: k.GetTenant(), Holder: holder, Class: k.GetClass()}] = k.GetWrapped()
}

// destroy ends the first n keys.
func (r *residue) destroy(n int) {
	r.Helper()
	for _, id := range r.ids[:n] {
		err := r.process.Vault.Destroy(r.Context(), vault.Order{Key: id, Reason: "REQUEST", CommandID: "c"})
		if err != nil {
			r.Fatal(err)
		}
	}
}

// found counts, of the first n keys, those whose wrapped bytes are in a file,
// apart for stream files and the others, which are the raft logs'.
func (r *residue) found(n int, folders ...string) (inStreams, elsewhere int) {
	r.Helper()
	contents := map[bool][][]byte{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return ignoreGone(err)
			}
			content, err := os.ReadFile(path)
			if err == nil {
				isStream := strings.Contains(path, string(filepath.Separator)+"streams"+string(filepath.Separator)+jetstream.VaultStream(0)[:12])
				contents[isStream] = append(contents[isStream], content)
			}
			return ignoreGone(err)
		})
		if err != nil {
			r.Fatal(err)
		}
	}
	for _, id := range r.ids[:n] {
		inStreams += anyHolds(contents[true], r.wrapped[id])
		elsewhere += anyHolds(contents[false], r.wrapped[id])
	}
	return inStreams, elsewhere
}

// ignoreGone: a running server replaces files while they are searched.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func anyHolds(contents [][]byte, needle []byte) int {
	for _, c := range contents {
		if bytes.Contains(c, needle) {
			return 1
		}
	}
	return 0
}

// endEpochs rotates every partition that lost a key, and shows that what was
// left of the keys opens no more.
func (r *residue) endEpochs(destroyed int) {
	r.Helper()
	r.world.Clock.Advance(sealtest.Epoch)
	if _, err := r.process.Keeper.RotateDirty(r.Context()); err != nil {
		r.Fatal(err)
	}
	for _, id := range r.ids[:destroyed] {
		p := kek.Partition{Tenant: id.Tenant, Name: es.Partition(id.Tenant, id.Holder.String())}
		_, err := r.world.KMS.AEAD(r.Context(), kms.Ref{Tenant: p.Tenant, Partition: p.Name, Epoch: 1})
		if !errors.Is(err, kms.ErrNoKEK) {
			r.Fatalf("the key that wrapped a destroyed key: %v, want ErrNoKEK", err)
		}
	}
	live := r.ids[destroyed:]
	got, err := r.process.Vault.GetMany(r.Context(), vault.Access{Reader: "test", Purpose: "testing"}, live)
	if err != nil {
		r.Fatal(err)
	}
	for i := range live {
		if got[i].Err != nil {
			r.Fatalf("a live key was lost: %v", got[i].Err)
		}
	}
}

func TestDestroyedKeysLeaveNoBytesInAnEmbeddedStore(t *testing.T) {
	const keys, destroyed = 2000, 100
	srv := testserver.NATS(t)
	r := newResidue(t, openRows(t, provisionRows(t, srv.Connect(t, testserver.Admin), 1)), keys)
	if streams, _ := r.found(destroyed, srv.Dir()); streams != destroyed {
		t.Fatalf("before the destruction %d of %d are found: the search is broken", streams, destroyed)
	}
	r.destroy(destroyed)
	report := func(when string) {
		t.Helper()
		streams, elsewhere := r.found(destroyed, srv.Dir())
		t.Logf("R1, %d wrapped keys, %d destroyed, %s: found %d in stream files, %d elsewhere", keys, destroyed, when, streams, elsewhere)
		if streams+elsewhere != 0 {
			t.Errorf("%s: wrapped bytes of destroyed keys are left", when)
		}
	}
	report("at once")
	r.endEpochs(destroyed)
	report(fmt.Sprintf("after %d key epochs ended", len(r.world.Ledger.Entries())-destroyed))
	srv.Stop()
	report("after shutdown")
}
