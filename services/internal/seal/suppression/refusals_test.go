package suppression_test

import (
	"strings"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal/suppression"
)

func (b *bench) refusals() *suppression.Refusals {
	b.Helper()
	r, err := suppression.NewRefusals(suppression.Config{Rows: b.Rows, Peppers: b.Start(b.T, nil).Peppers, Now: b.Now, Lease: time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) keep(r *suppression.Refusals, value string, days int, purposes ...string) {
	b.Helper()
	var list []*sealv1.KeptRefusal
	for _, p := range purposes {
		list = append(list, &sealv1.KeptRefusal{Policy: "qcera", Purpose: p, Channel: "email", RefusedOn: "2026-11-22"})
	}
	if err := r.Keep(b.Context(), tenant, "email", value, list, b.Now().AddDate(0, 0, days)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) kept(r *suppression.Refusals, in, kind, value, want string) {
	b.Helper()
	got, err := r.Kept(b.Context(), in, kind, value)
	var purposes []string
	for _, k := range got {
		purposes = append(purposes, k.GetPurpose())
	}
	if err != nil || strings.Join(purposes, " ") != want {
		b.Errorf("kept %v, %v; want %q", purposes, err, want)
	}
}

const jane = "jane@example.com"

func TestARefusalIsFoundByItsIdentifierAloneUntilItsTime(t *testing.T) {
	b := newBench(t)
	r := b.refusals()
	b.kept(r, tenant, "email", jane, "")
	b.keep(r, jane, 30, "mail.periodic", "mail.offers")
	b.kept(r, tenant, "email", jane, "mail.periodic mail.offers")
	b.kept(r, tenant, "email", "joan@example.com", "")
	b.kept(r, tenant, "phone", jane, "")
	b.kept(r, "t2", "email", jane, "")
	b.expect(b.set, entry(jane), "") // a refusal is no erasure
	b.Clock.Advance(31 * 24 * time.Hour)
	b.kept(r, tenant, "email", jane, "")
	if n, err := b.set.Expire(b.Context()); err != nil || n != 1 {
		t.Errorf("expired %d rows, %v", n, err)
	}
}

func TestWhatWasLastRefusedTakesThePlaceOfWhatWasRefusedBefore(t *testing.T) {
	b := newBench(t)
	r := b.refusals()
	b.keep(r, jane, 30, "mail.periodic")
	b.keep(r, jane, 30, "mail.offers")
	b.kept(r, tenant, "email", jane, "mail.offers")
	b.keep(r, jane, 30)
	b.kept(r, tenant, "email", jane, "")
	b.keep(r, jane, 30) // nothing is there to forget
}

func TestARefusalOutlivesATurnOfItsPeppersAndHoldsUpNoOthers(t *testing.T) {
	b := newBench(t)
	r := b.refusals()
	b.keep(r, jane, 300, "mail.periodic")
	b.add(entry("x"), "e1", 1)
	for range 3 {
		if err := r.Rotate(b.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		b.kept(b.refusals(), tenant, "email", jane, "mail.periodic")
	}
	b.keep(r, jane, 300, "mail.offers") // moves to the newest epoch
	b.kept(b.refusals(), tenant, "email", jane, "mail.offers")
	b.Clock.Advance(2 * 24 * time.Hour)
	if n, err := b.set.Expire(b.Context()); err != nil || n != 1 {
		t.Errorf("expired %d rows, %v", n, err)
	}
	b.rotate()
	b.rotate()
	b.kept(b.refusals(), tenant, "email", jane, "mail.offers")
}

func TestAKeptRefusalHoldsNoIdentifierInClear(t *testing.T) {
	b := newBench(t)
	b.keep(b.refusals(), jane, 30, "mail.periodic")
	n := 0
	for row, err := range b.Rows.List(t.Context(), "habeas.suppression.>", 0) {
		n++
		if err != nil || strings.Contains(row.Subject+string(row.Value), "jane") || strings.Contains(row.Subject+string(row.Value), "example.com") {
			t.Errorf("%s: %q, %v", row.Subject, row.Value, err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}
