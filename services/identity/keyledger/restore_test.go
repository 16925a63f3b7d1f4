package keyledger_test

import (
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// copied is what a backup of the rows holds.
func copied(t testing.TB, from rows.Store) *rows.Memory {
	t.Helper()
	backup := new(rows.Memory)
	for row, err := range from.List(t.Context(), "habeas.vault.>", 0) {
		if err == nil {
			_, err = backup.Put(t.Context(), row.Subject, row.Value, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return backup
}

func TestARestoredVaultIsToldByTheLogBeforeItServes(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		before := w.serve(t, w.ledger(t, es.Signer{})).vault
		erased, never, kept := w.newKey(t), w.newKey(t), w.newKey(t)
		create(t, before, erased)
		commit := create(t, before, kept)
		backup := copied(t, w.rows)
		destroy(t, before, erased)
		destroy(t, before, never)

		w.rows = backup
		l := w.ledger(t, es.Signer{})
		restored := w.start(t, l, nil).vault
		for _, id := range []seal.KeyID{erased, never, kept} {
			if _, err := restored.GetOrCreate(t.Context(), access(), id); !errors.Is(err, vault.ErrNotReady) {
				t.Fatalf("get before the replay: %v, want ErrNotReady", err)
			}
		}
		ended, err := restored.ReplayDestructions(t.Context(), l.Destructions(t.Context(), nil))
		if err != nil || ended != 2 {
			t.Fatalf("replay ended %d keys (%v), want 2", ended, err)
		}
		expectErased(t, restored, erased)
		expectErased(t, restored, never)
		if create(t, restored, kept) != commit {
			t.Error("another key was lost")
		}
		w.expectEvents(t, l, 2)
	})
}

// end is the last position of each of the log's streams.
func end(t testing.TB, log keyledger.Log) es.Token {
	t.Helper()
	var token es.Token
	for r, err := range log.Scan(t.Context(), "identity", nil) {
		if err != nil {
			t.Fatal(err)
		}
		token = token.Merge(es.TokenAt(r.Position))
	}
	return token
}

func TestAVaultIsToldWhatCameAfterItsMark(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		log, verifier := at.log(t, es.Signer{})
		l := w.ledgerOn(t, log, verifier)
		before := w.serve(t, l).vault
		early, late := w.newKey(t), w.newKey(t)
		create(t, before, late)
		destroy(t, before, early)
		if err := before.Mark(t.Context(), slices.Collect(maps.Values(end(t, log)))); err != nil {
			t.Fatal(err)
		}
		backup := copied(t, w.rows)
		destroy(t, before, late)

		w.rows = backup
		restored := w.start(t, l, nil).vault
		after, err := restored.ReplayAfter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		replayed := func(yield func(vault.Destroyed, error) bool) {
			for d, err := range l.Destructions(t.Context(), after) {
				told = append(told, d.Event.GetHolder())
				if !yield(d, err) {
					return
				}
			}
		}
		if ended, err := restored.ReplayDestructions(t.Context(), replayed); err != nil || ended != 1 {
			t.Fatalf("replay ended %d keys (%v), want 1", ended, err)
		}
		if diff := cmp.Diff([]string{late.Holder.String()}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		expectErased(t, restored, early)
		expectErased(t, restored, late)
	})
}

func TestARestoredVaultMayDestroyWhatTheLogKnowsAsDestroyed(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l := w.ledger(t, es.Signer{})
		before, id := w.serve(t, l).vault, w.newKey(t)
		empty := copied(t, w.rows)
		create(t, before, id)
		backup := copied(t, w.rows)
		destroy(t, before, id)
		for _, w.rows = range []rows.Store{backup, empty} {
			w.clock.Advance(time.Hour)
			destroy(t, w.start(t, l, nil).vault, id)
			expectErased(t, w.serve(t, l).vault, id)
		}
		w.expectEvents(t, l, 1)
	})
}

func TestAForgedDestructionEndsNoKey(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l := w.ledger(t, es.Signer{})
		id := w.newKey(t)
		create(t, w.serve(t, l).vault, id)
		before := len(live(t, w.rows))
		stranger, err := es.GenerateSigner(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.ledger(t, stranger).KeyDestroyed(t.Context(), w.tenant, "command", destroyed(w, id)); err != nil {
			t.Fatal(err)
		}
		v := w.start(t, l, nil).vault
		var corrupt *es.CorruptError
		ended, err := v.ReplayDestructions(t.Context(), l.Destructions(t.Context(), nil))
		if ended != 0 || !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptKey {
			t.Errorf("replay ended %d keys (%v), want an unknown key", ended, err)
		}
		if _, err := v.GetOrCreate(t.Context(), access(), id); !errors.Is(err, vault.ErrNotReady) {
			t.Errorf("get after a failed replay: %v, want ErrNotReady", err)
		}
		if _, err := v.ReplayDestructions(t.Context(), func(func(vault.Destroyed, error) bool) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := v.GetOrCreate(t.Context(), access(), id); !errors.As(err, &corrupt) {
			t.Errorf("get while the log is corrupt: %v", err)
		}
		if after := len(live(t, w.rows)); after != before {
			t.Errorf("%d live rows, want %d: the key was lost", after, before)
		}
	})
}

// live is the rows that hold a key.
func live(t testing.TB, s rows.Store) []rows.Row {
	t.Helper()
	var out []rows.Row
	for row, err := range s.List(t.Context(), "habeas.vault.*.key.>", 0) {
		k := new(sealv1.KeyRow)
		if err == nil {
			err = proto.Unmarshal(row.Value, k)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(k.GetWrapped()) > 0 {
			out = append(out, row)
		}
	}
	return out
}

// Whoever administers the streams kept the row of a key and puts it back, or
// removes the tombstone, while the vault runs.
func TestARowThatIsPutBackOpensNothing(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		v, id := w.serve(t, w.ledger(t, es.Signer{})).vault, w.newKey(t)
		create(t, v, id)
		var kept rows.Row
		for _, row := range live(t, w.rows) {
			if strings.Contains(row.Subject, id.Holder.String()) {
				kept = row
			}
		}
		destroy(t, v, id)
		tombstone := func() rows.Row {
			t.Helper()
			row, err := w.rows.Get(t.Context(), kept.Subject)
			if err != nil {
				t.Fatal(err)
			}
			return row
		}
		if _, err := w.rows.Put(t.Context(), kept.Subject, kept.Value, tombstone().Rev); err != nil {
			t.Fatal(err)
		}
		for range 2 { // found, and ended again
			got, err := v.GetMany(t.Context(), access(), []seal.KeyID{id})
			var gone *seal.Erased
			if err != nil || !errors.As(got[0].Err, &gone) || gone.Reason == "" || gone.At.IsZero() {
				t.Fatalf("a key whose row was put back: %v (%v), want erased", got[0].Err, err)
			}
		}
		again := new(sealv1.KeyRow)
		if err := proto.Unmarshal(tombstone().Value, again); err != nil || len(again.GetWrapped()) != 0 {
			t.Errorf("the row holds the key still (%v)", err)
		}
		if err := w.rows.Delete(t.Context(), kept.Subject, tombstone().Rev); err != nil {
			t.Fatal(err)
		}
		expectErased(t, v, id) // not made anew
	})
}

func TestAnEventThatIsNewerThanTheCodeKeepsTheVaultClosed(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		log, _ := at.log(t, es.Signer{})
		agg := es.Aggregate{Context: "identity", Tenant: w.tenant, Type: "counter", ID: newID(t)}
		foreign := func() es.Commit {
			return es.Commit{ID: newID(t), CommandID: "c", Aggregate: agg, Time: time.Now(), Events: []es.Event{{Type: "x.happened", Schema: 1}}}
		}
		if _, err := log.Append(t.Context(), es.Head{}, foreign()); err != nil {
			t.Fatal(err)
		}
		w.expectEvents(t, w.ledger(t, es.Signer{}), 0) // other aggregates don't matter
		agg.Type = keyring.AggregateType
		if _, err := log.Append(t.Context(), es.Head{}, foreign()); err != nil {
			t.Fatal(err)
		}
		l := w.ledger(t, es.Signer{})
		var unknown *es.UnknownEventError
		if _, err := w.start(t, l, nil).vault.ReplayDestructions(t.Context(), l.Destructions(t.Context(), nil)); !errors.As(err, &unknown) {
			t.Errorf("replay: %v, want an unknown event", err)
		}
	})
}

func TestEndedEpochsAreToldAgain(t *testing.T) {
	onEach(t, func(t *testing.T, at place) {
		w := newWorld(t, at)
		l := w.ledger(t, es.Signer{})
		p, id := w.serve(t, l), w.newKey(t)
		create(t, p.vault, id)
		part := kek.Partition{Tenant: id.Tenant, Name: es.Partition(id.Tenant, id.Holder.String())}
		for range 2 {
			if err := p.keks.Rotate(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		var told []kms.Ref
		for ref, err := range l.EndedEpochs(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if ref.Tenant == w.tenant {
				told = append(told, ref)
			}
		}
		want := []kms.Ref{{Tenant: part.Tenant, Partition: part.Name, Epoch: 1}, {Tenant: part.Tenant, Partition: part.Name, Epoch: 2}}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}
