package vault_test

import (
	"errors"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"
)

// lose takes a key's row away, as a file with a changed byte does: what NATS can't
// read it passes over in silence.
func lose(t *testing.T, w *sealtest.World, id seal.KeyID) rows.Row {
	t.Helper()
	for _, row := range listed(t, w.Rows, "habeas.vault.*.key.>") {
		if tokens := rows.Tokens(row.Subject); tokens[len(tokens)-2] == id.Holder.String() {
			if err := w.Rows.Delete(t.Context(), row.Subject, row.Rev); err != nil {
				t.Fatal(err)
			}
			return row
		}
	}
	t.Fatal("no row of the key")
	return rows.Row{}
}

func TestALostKeyIsNeverMadeAgain(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id, other := newID(t), newID(t)
	was := create(t, w.Serve(t, nil).Vault, id).Commit()
	create(t, w.Serve(t, nil).Vault, other)
	row := lose(t, w, id)
	for name, p := range map[string]*sealtest.Process{"the next process": w.Serve(t, nil), "another one": w.Serve(t, nil)} {
		if _, err := p.Vault.GetOrCreate(t.Context(), access(), id); !errors.Is(err, vault.ErrLost) {
			t.Errorf("%s makes it again: %v, want ErrLost", name, err)
		}
		got, err := p.Vault.GetMany(t.Context(), access(), []seal.KeyID{id, other, newID(t)})
		if err != nil || !errors.Is(got[0].Err, vault.ErrLost) || got[1].Err != nil || !errors.Is(got[2].Err, vault.ErrNoKey) {
			t.Errorf("%s: lost %v, there %v, never made %v; %v", name, got[0].Err, got[1].Err, got[2].Err, err)
		}
	}
	if _, err := w.Rows.Put(t.Context(), row.Subject, row.Value, 0); err != nil {
		t.Fatal(err)
	}
	if create(t, w.Serve(t, nil).Vault, id).Commit() != was {
		t.Error("the row of the backup holds another key")
	}
}

func TestAnotherKeyInThePlaceOfALostOneIsNotLent(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id := newID(t)
	create(t, w.Serve(t, nil).Vault, id)
	lose(t, w, id)
	log := w.Ledger
	w.Ledger = new(sealtest.Ledger) // of somebody who knows nothing of it
	create(t, w.Serve(t, nil).Vault, id)
	w.Ledger = log
	if _, err := w.Serve(t, nil).Vault.GetOrCreate(t.Context(), access(), id); !errors.Is(err, vault.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

func TestALostKeyCanStillEnd(t *testing.T) {
	w := sealtest.NewWorld(nil)
	id := newID(t)
	create(t, w.Serve(t, nil).Vault, id)
	lose(t, w, id)
	p := w.Serve(t, nil)
	destroy(t, p.Vault, id)
	expectErased(t, p.Vault, id)
}

// TestNoKeyIsLentOfWhichTheLogDoesNotTell kills the process before and after every
// call that it makes: a key that somebody has used is in the log.
func TestNoKeyIsLentOfWhichTheLogDoesNotTell(t *testing.T) {
	for n := 0; ; n++ {
		w := sealtest.NewWorld(nil)
		id := newID(t)
		_, err := w.Serve(t, sealtest.Crash(n)).Vault.GetOrCreate(t.Context(), access(), id)
		told := len(sealtest.Events[*identityv1.KeyMade](w.Ledger))
		if err == nil && told != 1 {
			t.Fatalf("crash at step %d: a key is lent of which the log tells %d times", n, told)
		}
		create(t, w.Serve(t, nil).Vault, id)
		create(t, w.Serve(t, nil).Vault, id)
		if told := len(sealtest.Events[*identityv1.KeyMade](w.Ledger)); told != 1 {
			t.Fatalf("crash at step %d: the log tells of it %d times", n, told)
		}
		if err == nil {
			return
		}
	}
}
