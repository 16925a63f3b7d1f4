package carry_test

import (
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// merged is a world in which John was taken for Jane.
func merged(t *testing.T) *fake.World {
	w, _, _ := world(t)
	w.Peers.Known[john] = fake.JaneRef
	w.Peers.Merged = map[string][]string{fake.JaneRef: {johnRef}}
	return w
}

// asked brings a request of Jane's until it is verified.
func asked(w *fake.World, right request.Right, key string) es.Aggregate {
	agg := w.Submit(right, key)
	w.Settle()
	w.Verify(agg)
	return agg
}

func TestWhoIsSeparatedWhileAPackageIsMadeIsNotInIt(t *testing.T) {
	for _, point := range []string{carry.PointPlanned, carry.PointStarted, carry.PointPackageBegun} {
		t.Run(point, func(t *testing.T) {
			w, undone := merged(t), false
			agg := asked(w, request.Access, "r1")
			w.Crash = func(at string) error {
				if at == point && !undone {
					undone = w.Peers.Separate(john, johnRef)
				}
				return nil
			}
			w.Run(soon(w))
			s := w.State(agg)
			if !undone || !s.Package.Ready || !slices.Equal(s.Holders(), []string{fake.JaneRef}) {
				t.Fatalf("separated %t, ready %t, of %v", undone, s.Package.Ready, s.Holders())
			}
			for _, l := range s.Leaves {
				if l.Collected > 1 {
					t.Errorf("%s: %d rows are in her package", l.Collection, l.Collected)
				}
			}
		})
	}
}

func TestAPackageIsListedBeforeAnybodyIsLookedFor(t *testing.T) {
	w := merged(t)
	agg := asked(w, request.Access, "r1")
	listed := false
	w.Crash = func(at string) error {
		if at == carry.PointStarted {
			listed = listed || slices.ContainsFunc(w.Peers.Seen(), func(c string) bool { return strings.HasPrefix(c, "RecordTouch") })
		}
		return nil
	}
	w.Run(soon(w))
	if s := w.State(agg); !listed || !slices.Equal(s.Holders(), []string{fake.JaneRef, johnRef}) {
		t.Errorf("listed %t, of %v", listed, s.Holders())
	}
}

// TestTheEndOfAPersonIsTheEndOfTheirPackages: of each reference, and before the
// person is forgotten, wherever the process dies.
func TestTheEndOfAPersonIsTheEndOfTheirPackages(t *testing.T) {
	for _, point := range []string{"", carry.PointPackageExpired, carry.PointOwnSuppressed, carry.PointForgotten} {
		t.Run("dies at "+point, func(t *testing.T) {
			w := merged(t)
			before := asked(w, request.Access, "r1")
			w.Settle()
			if s := w.State(before); !s.Package.Ready || !s.Closed {
				t.Fatalf("no package: %+v", request.Explain(s))
			}
			died := point == ""
			w.Crash = func(at string) error {
				if at == point && !died {
					died = true
					return fake.ErrCrash
				}
				return nil
			}
			erased := asked(w, request.Erasure, "r2")
			w.Run(soon(w))
			s, a := w.State(before), w.State(erased)
			if !died || !a.Forgotten || !s.Package.Expired || s.Package.Revoked != request.PackageErased {
				t.Errorf("died %t, forgotten %t, package %+v", died, a.Forgotten, s.Package)
			}
			calls := w.Peers.Seen()
			end, forget := slices.Index(calls, "DestroyKeys package-expired"), slices.Index(calls, "ForgetSubject "+fake.JaneRef)
			if end < 0 || forget < end {
				t.Errorf("the key of the package ends at call %d, the person at %d", end, forget)
			}
		})
	}
}
