package mirror_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"

	"github.com/alicebob/miniredis/v2"
)

// follow makes a follower that must be.
func (w *world) follow(t *testing.T, tenant string, from es.Token) *mirror.Follower {
	t.Helper()
	f, err := w.mirror.Follow(tenant, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Leave)
	return f
}

// next are the ids of what has changed.
func next(t *testing.T, f *mirror.Follower, most int, wantMore bool) (ids []string) {
	t.Helper()
	changes, more, err := f.Next(most)
	if err != nil || more != wantMore {
		t.Fatalf("more %v, error %v", more, err)
	}
	for _, c := range changes {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestAFollowerIsToldWhatChangesAndGoesOnFromWhereItWas(t *testing.T) {
	w, done := newWorld(t, miniredis.RunT(t), 10)
	defer done()
	w.write(t, 1, 1)
	w.mirrorReads(t, 1)
	f := w.follow(t, "acme", nil)
	if got := next(t, f, 9, false); len(got) != 0 {
		t.Errorf("told of what was before: %v", got)
	}
	begun := f.Token()
	w.write(t, 1, 1)
	w.write(t, 2, 1)
	w.add(es.Aggregate{Context: "consent", Tenant: "acme", Type: "disclosure", ID: "d"})
	w.add(es.Aggregate{Context: "consent", Tenant: "globex", Type: person.AggregateType, ID: "g"})
	w.write(t, 3, 1)
	w.mirrorReads(t, 5)
	<-f.Moved()
	if got := next(t, f, 2, true); len(got) != 2 || got[0] != somebody(1).ID || got[1] != somebody(2).ID {
		t.Errorf("told %v", got)
	}
	between := f.Token()
	if got := next(t, f, 2, false); len(got) != 1 || got[0] != somebody(3).ID {
		t.Errorf("then told %v", got)
	}
	if got := next(t, w.follow(t, "acme", between), 9, false); len(got) != 1 || got[0] != somebody(3).ID {
		t.Errorf("another one, from there: %v", got)
	}
	if got := next(t, w.follow(t, "acme", begun), 9, false); len(got) != 3 {
		t.Errorf("another one, from the beginning: %v", got)
	}
	if got := next(t, w.follow(t, "globex", begun), 9, false); len(got) != 1 || got[0] != "g" {
		t.Errorf("another tenant's is told %v", got)
	}
}

func TestAPositionThatIsNotHeldIsNotGoneOnFrom(t *testing.T) {
	w, done := newWorld(t, miniredis.RunT(t), 10)
	defer done()
	begun := w.follow(t, "acme", nil)
	start := begun.Token()
	for n := range 3*changesHeld + 1 {
		w.write(t, n%3, 1)
		w.mirrorReads(t, 1)
	}
	if !begun.Late() {
		t.Error("a follower that has read nothing is not late")
	}
	if _, _, err := begun.Next(9); !errors.Is(err, mirror.ErrSlow) {
		t.Errorf("a follower that has read nothing: %v", err)
	}
	for name, from := range map[string]es.Token{
		"too long ago":         start,
		"of another history":   es.TokenAt(es.Position{Stream: stream, Epoch: "another", Seq: 1 << 40}),
		"of a stream it lacks": es.TokenAt(es.Position{Stream: "another", Epoch: epoch, Seq: 1}),
	} {
		if _, err := w.mirror.Follow("acme", from); !errors.Is(err, mirror.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ahead := es.TokenAt(es.Position{Stream: stream, Epoch: epoch, Seq: 1 << 40}) // of a replica that has read more
	if got := next(t, w.follow(t, "acme", ahead), 9, false); len(got) != 0 {
		t.Errorf("from a position ahead: %v", got)
	}
}

func TestAFollowerIsAsFreshAsTheMirror(t *testing.T) {
	w, done := newWorld(t, miniredis.RunT(t), 10)
	defer done()
	f := w.follow(t, "acme", nil)
	if at := f.Fresh(); !at.IsZero() {
		t.Errorf("fresh since %s without a proof", at)
	}
	w.write(t, 1, 1)
	proven := time.Now()
	w.proof = es.Proof{Position: es.Position{Stream: stream, Epoch: epoch, Seq: w.log[len(w.log)-1].Position.Seq}, At: proven, Asked: proven}
	if at := f.Fresh(); !at.IsZero() {
		t.Errorf("fresh since %s by a proof of what was not read", at)
	}
	w.mirrorReads(t, 1)
	if at := f.Fresh(); !at.Equal(proven) {
		t.Errorf("fresh since %s, want %s", at, proven)
	}
	if got := next(t, f, 9, false); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}
