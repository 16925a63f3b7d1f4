package identityd

import (
	"slices"
	"testing"
)

// TestABlockOfOnePolicyIsNotDoneForThatAnotherServes: a message that was swallowed is
// about one policy, and what is recorded of another says nothing of it.
func TestABlockOfOnePolicyIsNotDoneForThatAnotherServes(t *testing.T) {
	for _, w := range works() {
		if slices.Contains(w.Begins, "subject.minor_blocked") && slices.Contains(w.Ends, "subject.minor_unblocked") {
			t.Error("an erasure for age is given up when any policy serves the person")
		}
	}
}
