package registry_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
)

const erasure = "rrrrrrrrrrrrrrrrrrrrrrrrra"

// couple is two people who were merged by mistake.
type couple struct {
	*town
	*process
	t           *testing.T
	stays, goes string
}

func newCouple(t *testing.T) *couple {
	w := newTown(t)
	c := &couple{town: w, process: w.start(t, nil), t: t}
	var err error
	if c.stays, err = w.register(c.process, "c1", jane()...); err != nil {
		t.Fatal(err)
	}
	if c.goes, err = w.register(c.process, "c2", address("john@example.com")); err != nil {
		t.Fatal(err)
	}
	c.does(c.goes, "begin", subject.BeginMerge{Merge: "m", Into: c.stays, Evidence: "e", At: w.Now()})
	c.does(c.stays, "absorb", subject.Absorb{Merge: "m", Other: c.goes, Evidence: "e", At: w.Now()})
	c.does(c.goes, "complete", subject.CompleteMerge{Merge: "m"})
	return c
}

func (c *couple) try(ref, id string, cmd subject.Command) error {
	_, err := c.subjects.Handle(c.t.Context(), registry.Aggregate(tenant, ref), registry.Command{ID: id, At: c.Now(), Data: cmd})
	return err
}

func (c *couple) does(ref, id string, cmd subject.Command) {
	c.t.Helper()
	if err := c.try(ref, id, cmd); err != nil {
		c.t.Fatalf("%s: %v", id, err)
	}
}

func (c *couple) separate(id string) error {
	if err := c.try(c.stays, id, subject.Separate{Merge: "m", Reason: "wrong_person", At: c.Now()}); err != nil {
		return err
	}
	return c.try(c.goes, id, subject.UndoMerge{Merge: "m"})
}

func (c *couple) load(ref string) subject.Subject {
	c.t.Helper()
	s, err := c.Load(c.t.Context(), tenant, ref)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func TestWhatAnErasureFixedIsFreeUnderBothReferencesAfterTheyWereSeparated(t *testing.T) {
	for name, named := range map[string]func(*couple) (own, other string){
		"of the one who stays": func(c *couple) (string, string) { return c.stays, c.goes },
		"of the one who went":  func(c *couple) (string, string) { return c.goes, c.stays },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t)
			own, other := named(c)
			if err := c.Fix(t.Context(), tenant, own, "fix", erasure, c.Now()); err != nil {
				t.Fatal(err)
			}
			if !c.load(own).Fixed() || !c.load(other).Fixed() {
				t.Fatal("what both are known by may change while they are looked for")
			}
			if err := c.separate("part"); err != nil {
				t.Fatal(err)
			}
			if !c.load(own).Fixed() || c.load(other).Fixed() {
				t.Errorf("after the separation: own fixed %t, other fixed %t", c.load(own).Fixed(), c.load(other).Fixed())
			}
			if err := c.Release(t.Context(), tenant, own, "release", erasure, c.Now()); err != nil {
				t.Fatal(err)
			}
			if c.load(own).Fixed() || c.load(other).Fixed() {
				t.Error("an erasure that is over still keeps somebody as they were")
			}
		})
	}
}

// TestAReleaseFindsTheOneWhoStayedByTheOneWhoWent: what was fixed before anybody
// noted for which reference is freed by the other one, too.
func TestAReleaseFindsTheOneWhoStayedByTheOneWhoWent(t *testing.T) {
	c := newCouple(t)
	for _, ref := range []string{c.stays, c.goes} {
		c.does(ref, "fix", subject.Fix{Request: erasure})
	}
	if err := c.separate("part"); err != nil {
		t.Fatal(err)
	}
	if err := c.Release(t.Context(), tenant, c.goes, "release", erasure, c.Now()); err != nil {
		t.Fatal(err)
	}
	if c.load(c.stays).Fixed() || c.load(c.goes).Fixed() {
		t.Error("somebody is kept as they were")
	}
}

func TestNobodyIsForgottenWithSomebodyFromWhomTheyWereSeparated(t *testing.T) {
	c := newCouple(t)
	if _, _, err := c.Search(t.Context(), tenant, c.goes, erasure, c.Now(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.separate("during"); !errors.Is(err, subject.ErrFixed) {
		t.Fatalf("separated while they are looked for: %v", err)
	}
	if _, _, err := c.Forget(t.Context(), tenant, c.stays, "forget", erasure); !errors.Is(err, subject.ErrParting) {
		t.Fatalf("forgotten while somebody waits to be separated: %v", err)
	}
	c.Clock.Advance(2 * time.Minute)
	if err := c.separate("after"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Forget(t.Context(), tenant, c.stays, "forget", erasure); err != nil {
		t.Fatal(err)
	}
	if stays, goes := c.load(c.stays), c.load(c.goes); stays.Phase != subject.Forgotten || goes.Phase != subject.Active {
		t.Errorf("forgotten: %v, and of the other: %v", stays.Phase, goes.Phase)
	}
}

func TestAnEndThatHadBegunIsBroughtToItsEndAfterASeparation(t *testing.T) {
	c := newCouple(t)
	c.does(c.goes, "begin-forgetting", subject.BeginForgetting{Request: erasure}) // and then the process died
	if err := c.separate("part"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Forget(t.Context(), tenant, c.stays, "forget", erasure); err != nil {
		t.Fatal(err)
	}
	if goes := c.load(c.goes); goes.Phase != subject.Forgotten {
		t.Errorf("the end of the one who went stopped at %v", goes.Phase)
	}
}

// TestWhatIsToldAgainIsListedForAMergeThatCameSince: the same package is made again
// after somebody else was merged into the person.
func TestWhatIsToldAgainIsListedForAMergeThatCameSince(t *testing.T) {
	c := newCouple(t)
	third, err := c.register(c.process, "c3", address("june@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	touch := subject.Touch{Kind: subject.TouchPackage, Reference: erasure, At: c.Now()}
	for _, step := range []func(){
		func() {},
		func() {
			c.does(c.stays, "absorb-2", subject.Absorb{Merge: "n", Other: third, Evidence: "e", At: c.Now()})
		},
		func() {},
	} {
		step()
		if err := c.Touch(t.Context(), tenant, c.stays, touch); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.load(c.stays).Merges {
		if len(m.Touches) != 1 {
			t.Errorf("merge %s lists %d packages", m.ID, len(m.Touches))
		}
	}
}
