package sqlsystem_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
)

func chunksAcrossCrashes(t *testing.T, db *sqltest.Database) {
	for _, c := range []struct {
		keep       []string
		crowd      int
		row, chunk int
	}{
		{crowd: 12_000, chunk: 1_000},
		{crowd: 2_000, row: 500, chunk: 100, keep: []string{"user.financial"}},
	} {
		reset(t, db)
		crowd(t, db, c.crowd)
		who := person("ada@example.org")
		mine := adas()
		mine["orders"] += " OR id >= 100000"
		mine["order_line"] += " OR order_id >= 100000"
		others := db.Checksums(t, mine)
		s := described(t, db, "shop.yaml", func(config *sqlsystem.Config) { config.Rows, config.Chunk = c.row, c.chunk })
		found := locate(t, s, who)
		if got := rowsOf(found, "orders"); got != uint64(c.crowd)+2 {
			t.Fatalf("%d orders are found, want %d", got, c.crowd+2)
		}
		orders := ordersFor(found, c.keep...)
		crashes := 0
		for ; crashes < 100; crashes++ {
			ctx, crash := context.WithCancel(t.Context())
			chunks := 0
			s.AfterChunk(func() {
				if chunks++; chunks == 4 {
					crash()
				}
			})
			_, err := s.Erase(ctx, who, orders, unheard)
			crash()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if got := rowsOf(locate(t, s, who), "account"); got != 1 {
				t.Fatal("a crash between chunks left the person without the row that identifies them")
			}
		}
		if crashes < 3 {
			t.Errorf("it took %d crashes, want several", crashes)
		}
		if got := db.Find(t, "ada@", "secret", "crowded note"); got != nil {
			t.Errorf("the person is still in %v", got)
		}
		if diff := cmp.Diff(others, db.Checksums(t, mine)); diff != "" {
			t.Errorf("other people's rows changed (-want +got):\n%s", diff)
		}
		nothingLeft(t, s, who, orders)
		nothingMoreToDo(t, db, s, who, orders)
	}
}

// crowd adds orders of Ada's with a line each.
func crowd(t testing.TB, db *sqltest.Database, n int) {
	t.Helper()
	const step = 2000
	for first := 100_000; first < 100_000+n; first += step {
		db.Run(t, many("orders", "(#, 1, 'crowded note', 1)", first, step))
		db.Run(t, many("order_line", "(#, 1, 'with love')", first, step))
	}
}

func TestARowThatIsAddedDuringAnErasureDoesNotOutliveIt(t *testing.T) {
	db := sqltest.Postgres(t, shopSchema)
	s := described(t, db, "shop.yaml", nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.financial")

	// Somebody adds an order and commits while the erasure waits for Ada's row.
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO orders VALUES (99, 1, 'a late secret', 1)"); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if _, err := s.Erase(t.Context(), who, orders, unheard); !errors.Is(err, connector.ErrMoved) {
			t.Errorf("nobody has judged the late order, and it ends with %v", err)
		}
	})
	testwait.For(t, 10*time.Second, func() error {
		if db.Rows(t, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0] == "0" {
			return errors.New("the erasure does not wait for the transaction that refers to the row")
		}
		return nil
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	erase(t, s, who, ordersFor(locate(t, s, who), "user.financial"))
	if got := db.Find(t, "secret"); got != nil {
		t.Errorf("the person is still in %v", got)
	}
}

func TestAFailedErasureChangesNothing(t *testing.T) {
	who := person("ada@example.org")
	server := sqltest.Postgres(t, "")
	databases := 0
	for name, script := range map[string]string{
		"a check forbids the mask": `ALTER TABLE orders ADD CONSTRAINT spoken CHECK (note <> '');`,
		"a trigger forbids the change": `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'no % for you', OLD.note; END $$;
			CREATE TRIGGER no BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION no();`,
		"a trigger takes the mask back": `CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN NEW.note := OLD.note; RETURN NEW; END $$;
			CREATE TRIGGER back BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION back();`,
		"a trigger passes a deletion over": `CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER pass BEFORE DELETE ON order_line FOR EACH ROW EXECUTE FUNCTION pass();`,
	} {
		t.Run(name, func(t *testing.T) {
			databases++
			db := server.Another(t, fmt.Sprint("shop", databases), shopSchema+script)
			s := described(t, db, "shop.yaml", func(c *sqlsystem.Config) { c.Connections = 1 })
			before := db.Checksums(t, nil)
			orders := ordersFor(locate(t, s, who), "user.financial")
			_, err := s.Erase(t.Context(), who, orders, unheard)
			if !errors.Is(err, connector.ErrConstraint) {
				t.Errorf("the erasure ends with %v, want %v", err, connector.ErrConstraint)
			}
			if err != nil && strings.Contains(err.Error(), "ring twice") {
				t.Errorf("the error holds a value: %v", err)
			}
			if diff := cmp.Diff(before, db.Checksums(t, nil)); diff != "" {
				t.Errorf("something changed (-want +got):\n%s", diff)
			}
			if got := rowsOf(locate(t, s, who), "orders"); got != 2 {
				t.Errorf("%d orders are found afterwards, want 2", got)
			}
		})
	}
}

func TestFailuresSayWhatIsWrongAndNothingElse(t *testing.T) {
	db := sqltest.Postgres(t, shopSchema+"CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;")
	who := person("ada@example.org")
	t.Run("a connection that may not write is denied", func(t *testing.T) {
		s := described(t, db, "shop.yaml", func(c *sqlsystem.Config) {
			c.DSN = strings.Replace(c.DSN, "postgres://postgres@", "postgres://reader@", 1)
		})
		_, err := s.Erase(t.Context(), who, ordersFor(locate(t, s, who)), unheard)
		if !errors.Is(err, connector.ErrDenied) {
			t.Errorf("it ends with %v, want %v", err, connector.ErrDenied)
		}
	})
	t.Run("a table that is gone is a mismatch", func(t *testing.T) {
		s := described(t, db, "shop.yaml", nil)
		db.Run(t, "ALTER TABLE visit RENAME TO visits")
		if _, err := s.Locate(t.Context(), who); !errors.Is(err, connector.ErrMismatch) {
			t.Errorf("to locate ends with %v, want %v", err, connector.ErrMismatch)
		}
		if _, err := s.Check(t.Context()); !errors.Is(err, connector.ErrMismatch) {
			t.Errorf("to check ends with %v, want %v", err, connector.ErrMismatch)
		}
		db.Run(t, "ALTER TABLE visits RENAME TO visit")
	})
	t.Run("a value beyond the limit is too large", func(t *testing.T) {
		s := described(t, db, "shop.yaml", func(c *sqlsystem.Config) { c.MostValue = 5 })
		err := s.Collect(t.Context(), who, func(connector.Row) error { return nil })
		if !errors.Is(err, connector.ErrTooLarge) {
			t.Errorf("it ends with %v, want %v", err, connector.ErrTooLarge)
		}
	})
	t.Run("an end of the caller's is the caller's", func(t *testing.T) {
		s := described(t, db, "shop.yaml", nil)
		enough := errors.New("enough")
		if err := s.Collect(t.Context(), who, func(connector.Row) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("it ends with %v, want the caller's own error", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Locate(ctx, who); !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v, want %v", err, context.Canceled)
		}
	})
	t.Run("a server that is gone is unreachable", func(t *testing.T) {
		s := described(t, db, "shop.yaml", func(c *sqlsystem.Config) {})
		bad := strings.Replace(db.DSN, "127.0.0.1:", "127.0.0.1:1", 1)
		other, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: bad[:strings.LastIndex(bad, ":")] + ":1/postgres?sslmode=disable", Dataset: s.Dataset()})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close() //nolint:errcheck // nothing was opened
		if _, err := other.Locate(t.Context(), who); !errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("it ends with %v, want %v", err, connector.ErrUnreachable)
		}
	})
}

func pageByPage(t *testing.T, db *sqltest.Database) {
	who := person("ada@example.org")
	whole := collected(t, described(t, db, "shop.yaml", nil), who)
	if n := len(whole); n != 1+1+2+3+4+2 {
		t.Errorf("%d rows are shown, want 13: %v", n, whole)
	}
	for _, page := range []int{1, 2, 3} {
		s := described(t, db, "shop.yaml", func(c *sqlsystem.Config) { c.Page = page })
		if diff := cmp.Diff(whole, collected(t, s, who)); diff != "" {
			t.Errorf("in pages of %d the rows differ (-want +got):\n%s", page, diff)
		}
	}
	if !slices.ContainsFunc(whole, func(row string) bool { return strings.HasPrefix(row, "household ") }) {
		t.Error("the shared household is not shown")
	}
	if !slices.Contains(whole, "orders id=11 account_id=1 note=leave at the door total=7.25") {
		t.Errorf("an order is not shown as it is: %v", whole)
	}
}

func TestADigestChangesWithTheRowsAndTheKeyAndNothingElse(t *testing.T) {
	db := sqltest.SQLite(t, shopSchema)
	s := described(t, db, "shop.yaml", nil)
	digest := func(who connector.Person) [32]byte {
		for _, f := range locate(t, s, who) {
			if f.Collection == "orders" {
				return f.Digest
			}
		}
		return [32]byte{}
	}
	who := person("ada@example.org")
	first := digest(who)
	db.Run(t, "UPDATE orders SET note = 'another' WHERE id = 10")
	if digest(who) != first {
		t.Error("the digest changes with a value")
	}
	other := who
	other.Key = []byte("another key")
	if digest(other) == first {
		t.Error("the digest is the same under another key")
	}
	db.Run(t, "INSERT INTO orders VALUES (12, 1, '', 0)")
	if digest(who) == first {
		t.Error("the digest is the same with another row")
	}
}

func TestADatasetMayLieInASchemaOfItsOwn(t *testing.T) {
	db := sqltest.Postgres(t, "CREATE SCHEMA own; SET search_path = own; "+shopSchema)
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, db, strings.Replace(string(text), "fides_key: shop\n",
		"fides_key: shop\n    fides_meta: {namespace: {schema: own}}\n", 1), nil)
	who := person("ada@example.org")
	orders := ordersFor(locate(t, s, who), "user.financial")
	erase(t, s, who, orders)
	nothingLeft(t, s, who, orders)
	if got := db.Rows(t, "SELECT name FROM own.account WHERE id = 1")[0]; got != "" {
		t.Errorf("the name is %q, want it masked", got)
	}
}

func TestColumnsThatAreUniqueTogetherAreMaskedApart(t *testing.T) {
	db := sqltest.SQLite(t, shopSchema+"CREATE UNIQUE INDEX once ON orders (account_id, note);")
	s := described(t, db, "shop.yaml", nil)
	who := person("ada@example.org")
	erase(t, s, who, ordersFor(locate(t, s, who), "user.financial"))
	if got := db.Rows(t, "SELECT count(DISTINCT note) FROM orders WHERE note LIKE 'erased-%'")[0]; got != "2" {
		t.Errorf("%s notes were masked apart, want 2", got)
	}
}
