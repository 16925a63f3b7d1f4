package sqlsystem_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

// unwilling is an error of the caller's own.
type unwilling string

func (u unwilling) Error() string { return string(u) }

const errUnwilling = unwilling("the caller is unwilling")

// clubOf is the shop with what belongs to several people.
func clubOf(t *testing.T, db *sqltest.Database, change func(*sqlsystem.Config)) *sqlsystem.System {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, db, string(text)+clubFields, change)
}

func refusal(t *testing.T, db *sqltest.Database) {
	s := clubOf(t, db, nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who))
	before := db.Checksums(t, nil)
	var told []connector.Done
	_, err := s.Erase(t.Context(), who, orders, func(_ context.Context, done []connector.Done) error {
		told = done
		return errUnwilling
	})
	if !errors.Is(err, errUnwilling) {
		t.Errorf("it ends with %v, want the caller's error", err)
	}
	if diff := cmp.Diff(before, db.Checksums(t, nil)); diff != "" {
		t.Errorf("something changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(erase(t, s, who, orders), told); diff != "" {
		t.Errorf("the caller was told something else than was done (-want +got):\n%s", diff)
	}
}

func stayingCounted(t *testing.T, db *sqltest.Database) {
	const crowd = 60
	db.Run(t, many("badge", "(#, 1, 'number', 'red')", 1000, crowd))
	who := person("ada@example.org")
	s := clubOf(t, db, func(c *sqlsystem.Config) { c.Rows, c.Chunk = 20, 7 })
	orders := ordersFor(locate(t, s, who))
	most := map[connector.Part]connector.Done{}
	calls := 0
	for failAt := 1; ; failAt += 3 { // each try is cut off a little later
		calls = 0
		done, err := s.Erase(t.Context(), who, orders, func(_ context.Context, done []connector.Done) error {
			for _, d := range done {
				m := most[d.Part]
				m.Kept, m.Masked, m.Described = max(m.Kept, d.Kept), max(m.Masked, d.Masked), m.Described || d.Described
				most[d.Part] = m
			}
			if calls++; calls == failAt {
				return errUnwilling
			}
			return nil
		})
		if err == nil {
			if failAt < 4 {
				t.Errorf("it took %d transactions, want several", calls)
			}
			badge := connector.Part{Collection: "badge", Category: "user.unique_id"}
			i := slices.IndexFunc(done, func(d connector.Done) bool { return d.Part == badge })
			if i < 0 || done[i].Kept != crowd+1 || !done[i].Described {
				t.Errorf("the last try says %+v, want %d kept as described", done, crowd+1)
			}
			if m := most[badge]; m.Kept != crowd+1 || !m.Described {
				t.Errorf("the caller was told of %+v, want %d kept as described", m, crowd+1)
			}
			return
		}
		if !errors.Is(err, errUnwilling) {
			t.Fatal(err)
		}
	}
}
