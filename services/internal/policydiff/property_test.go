package policydiff_test

import (
	"testing"

	"habeas.internal/services/internal/policydiff"
	"habeas.internal/services/internal/policydiff/policydifftest"

	"pgregory.net/rapid"
)

func TestNothingDiffersFromItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := policydifftest.Changed(t, policydifftest.Published(t), 3)
		if got := policydiff.Compare(doc, doc); len(got) != 0 {
			t.Errorf("a document differs from itself: %+v", got)
		}
	})
}

func TestAChangeBackHasTheOppositeEffect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := policydifftest.Published(t)
		to := policydifftest.Changed(t, from, 3)
		there, back := effects(policydiff.Compare(from, to)), effects(policydiff.Compare(to, from))
		if len(there) != len(back) {
			t.Fatalf("%d changes there, %d back:\n%v\n%v", len(there), len(back), there, back)
		}
		for path, effect := range there {
			if back[mirrored(path)] != effect.Mirror() {
				t.Errorf("%s is %s there and %s back", path, effect, back[mirrored(path)])
			}
		}
	})
}

func effects(changes policydiff.Changes) map[string]policydiff.Effect {
	out := map[string]policydiff.Effect{}
	for _, c := range changes {
		out[c.Path] = c.Effect
	}
	return out
}

// mirrored is the path of the change back: what was added is removed.
func mirrored(path string) string {
	for _, pair := range [][2]string{{".added", ".removed"}, {".removed", ".added"}} {
		if n := len(path) - len(pair[0]); n > 0 && path[n:] == pair[0] {
			return path[:n] + pair[1]
		}
	}
	return path
}

func TestWhatReducesOnTheWholeReducesInOneOfItsSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := policydifftest.Published(t)
		b := policydifftest.Changed(t, a, 2)
		c := policydifftest.Changed(t, b, 2)
		first, second, whole := policydiff.Compare(a, b), policydiff.Compare(b, c), policydiff.Compare(a, c)
		if whole.Reduces() && !first.Reduces() && !second.Reduces() {
			t.Errorf("the whole reduces, and no step does:\n%+v\n%+v\n%+v", whole, first, second)
		}
	})
}
