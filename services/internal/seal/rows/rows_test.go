package rows_test

import (
	"fmt"
	"testing"

	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
)

func TestMemoryKeepsThePromisesOfAStore(t *testing.T) {
	sealtest.RunRows(t, func(testing.TB) rows.Store { return new(rows.Memory) })
}

func TestFiltersMatchWholeTokens(t *testing.T) {
	for _, c := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b.c", "a.b.c", true},
		{"a.*.c", "a.b.c", true},
		{"a.>", "a.b.c", true},
		{"a.b.>", "a.b", false},
		{"a.*", "a.b.c", false},
		{"a.b", "a", false},
		{"a.b*", "a.bc", false},
	} {
		t.Run(fmt.Sprintf("%s against %s is %t", c.filter, c.subject, c.want), func(t *testing.T) {
			if got := rows.Match(c.filter, c.subject); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
