package kek_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
)

// region is a folder of key-encryption keys that can be lost.
type region struct{ dir string }

func newRegion(t *testing.T, name string) region {
	t.Helper()
	return region{filepath.Join(t.TempDir(), name)}
}

func (r region) lose(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
}

// inRegions makes the world's key store one of these regions.
func inRegions(t *testing.T, w *sealtest.World, regions ...region) {
	t.Helper()
	var stores []kms.Store
	for _, r := range regions {
		s, err := kms.OpenFile(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	all, err := kms.NewRegions(stores...)
	if err != nil {
		t.Fatal(err)
	}
	w.KMS = all
}

// serve starts a process whose keeper sees the key store as it is.
func serve(t *testing.T, w *sealtest.World) (*sealtest.Process, *kek.Keeper) {
	t.Helper()
	p := w.Serve(t, nil)
	k, err := kek.New(kek.Config{
		Rows: w.Rows, KMS: w.KMS, Ledger: w.Ledger, Kinds: []kek.Kind{vault.Rows()}, Now: w.Now,
		Epoch: sealtest.Epoch, Window: sealtest.Window,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, k
}

func holders(t *testing.T, n int) []seal.KeyID {
	t.Helper()
	var out []seal.KeyID
	for range n {
		h, err := seal.RandomHolder(seal.Subject, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seal.KeyID{Tenant: "t1", Holder: h, Class: sealv1.KeyClass_KEY_CLASS_PROFILE})
	}
	return out
}

// commitments are those of the keys that open; the keys that don't are counted.
func commitments(t *testing.T, p *sealtest.Process, ids []seal.KeyID) (open map[seal.KeyID][32]byte, erased int) {
	t.Helper()
	got, err := p.Vault.GetMany(t.Context(), vault.Access{Reader: "drill", Purpose: "drill"}, ids)
	if err != nil {
		t.Fatal(err)
	}
	open = map[seal.KeyID][32]byte{}
	for i, g := range got {
		switch {
		case errors.Is(g.Err, seal.ErrErased):
			erased++
		case g.Err != nil:
			t.Fatalf("key %d: %v", i, g.Err)
		default:
			open[ids[i]] = g.Lease.Key.Commit()
		}
	}
	return open, erased
}

func mend(t *testing.T, k *kek.Keeper, when string, want int) {
	t.Helper()
	if rotated, err := k.Mend(t.Context()); err != nil || rotated != want {
		t.Errorf("%s: %d partitions rotated (%v), want %d", when, rotated, err, want)
	}
}

// TestRecoveryDrill is the drill of docs/operations.md, with two folders for
// two regions: wrap under both, lose one, serve from the other, put an empty
// one in its place, mend, lose the first. Keys, tombstones and commitments are
// the same at each step.
func TestRecoveryDrill(t *testing.T) {
	w, east, west := sealtest.NewWorld(nil), newRegion(t, "east"), newRegion(t, "west")
	inRegions(t, w, east, west)
	p, k := serve(t, w)
	ids := holders(t, 300)
	for _, id := range ids {
		if _, err := p.Vault.GetOrCreate(t.Context(), vault.Access{Reader: "drill", Purpose: "drill"}, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids[:20] {
		if err := p.Vault.Destroy(t.Context(), vault.Order{Key: id, Reason: "erasure", CommandID: "c"}); err != nil {
			t.Fatal(err)
		}
	}
	before, erased := commitments(t, p, ids)
	if len(before) != 280 || erased != 20 {
		t.Fatalf("%d keys and %d tombstones, want 280 and 20", len(before), erased)
	}
	mend(t, k, "both regions are whole", 0)
	same := func(when string) {
		t.Helper()
		p, _ := serve(t, w)
		after, gone := commitments(t, p, ids)
		if diff := cmp.Diff(before, after); diff != "" || gone != erased {
			t.Errorf("%s: %d tombstones, keys differ (-before +after):\n%s", when, gone, diff)
		}
		t.Logf("%-42s %d keys, %d tombstones, commitments equal", when, len(after), gone)
	}
	east.lose(t)
	inRegions(t, w, west)
	same("east is lost, west alone:")
	replaced := newRegion(t, "east-2")
	inRegions(t, w, replaced, west)
	same("an empty region in its place:")
	_, k = serve(t, w)
	partitions := keksOf(t, w)
	mend(t, k, "an empty region", partitions)
	ends := sealtest.Events[*identityv1.KekEpochDestroyed](w.Ledger)
	live := uint32(0)
	for _, e := range ends {
		live += e.GetLiveRewrapped()
	}
	if len(ends) != partitions || live != 280 {
		t.Errorf("%d epochs ended with %d keys re-wrapped, want %d and 280", len(ends), live, partitions)
	}
	mend(t, k, "again", 0)
	west.lose(t)
	inRegions(t, w, replaced)
	same("west is lost, the new region alone:")
}

func partitionName(id seal.KeyID) string { return es.Partition(id.Tenant, id.Holder.String()) }

// keksOf counts the partitions that are in use.
func keksOf(t *testing.T, w *sealtest.World) int {
	t.Helper()
	parts := map[string]bool{}
	for _, ref := range keks(t, w) {
		parts[ref.Tenant+"/"+ref.Partition] = true
	}
	return len(parts)
}

func TestAKeyThatIsMadeWhileARegionIsEmptyIsInBoth(t *testing.T) {
	w, east := sealtest.NewWorld(nil), newRegion(t, "east")
	inRegions(t, w, east)
	p, _ := serve(t, w)
	ids := holders(t, 1)
	access := vault.Access{Reader: "drill", Purpose: "drill"}
	if _, err := p.Vault.GetOrCreate(t.Context(), access, ids[0]); err != nil {
		t.Fatal(err)
	}
	west := newRegion(t, "west")
	inRegions(t, w, east, west)
	p, _ = serve(t, w)
	for len(ids) < 3 { // two more of the same partition, one at a time
		more := holders(t, 1)[0]
		if partitionName(more) != partitionName(ids[0]) {
			continue
		}
		if _, err := p.Vault.GetOrCreate(t.Context(), access, more); err != nil {
			t.Fatalf("make a key: %v", err)
		}
		ids = append(ids, more)
	}
	before, _ := commitments(t, p, ids)
	east.lose(t)
	inRegions(t, w, west)
	p, _ = serve(t, w)
	after, _ := commitments(t, p, ids)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("keys differ (-before +after):\n%s", diff)
	}
}

// An interrupted rotation, and then the loss of a region.
func TestARotationThatWasInterruptedIsMendedToo(t *testing.T) {
	for n := range 60 {
		t.Run(fmt.Sprint("at step ", n), func(t *testing.T) {
			w, east, west := sealtest.NewWorld(nil), newRegion(t, "east"), newRegion(t, "west")
			inRegions(t, w, east, west)
			p, _ := serve(t, w)
			ids := holders(t, 1)
			if _, err := p.Vault.GetOrCreate(t.Context(), vault.Access{Reader: "drill", Purpose: "drill"}, ids[0]); err != nil {
				t.Fatal(err)
			}
			before, _ := commitments(t, p, ids)
			_ = w.Start(t, sealtest.Crash(n)).Keeper.Rotate(t.Context(), kek.Partition{Tenant: "t1", Name: partitionName(ids[0])})
			east.lose(t)
			inRegions(t, w, newRegion(t, "east-2"), west)
			_, k := serve(t, w)
			if _, err := k.Mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			mend(t, k, "again", 0)
			p, _ = serve(t, w)
			if after, _ := commitments(t, p, ids); !cmp.Equal(before, after) {
				t.Error("the key changed")
			}
		})
	}
}
