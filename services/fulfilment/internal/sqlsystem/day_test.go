package sqlsystem_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

func TestADayCountsUntilItsEndInTheTenantsZone(t *testing.T) {
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	end := func(zone *time.Location) time.Time {
		return time.Date(2016, 12, 1, 0, 0, 0, 0, zone).Add(-time.Microsecond)
	}
	for kind, start := range map[sqlsystem.Kind]func(testing.TB, string) *sqltest.Database{
		sqlsystem.PostgreSQL: sqltest.Postgres, sqlsystem.MySQL: sqltest.MariaDB, sqlsystem.SQLite: sqltest.SQLite,
	} {
		for column, want := range map[string]time.Time{
			"DATE": end(york), "TIMESTAMP": time.Date(2016, 11, 30, 0, 0, 0, 0, time.UTC),
		} {
			t.Run(string(kind)+" "+column, func(t *testing.T) {
				value := "'2016-11-30'"
				if column == "TIMESTAMP" {
					value = "'2016-11-30 00:00:00'"
				}
				db := start(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(80));
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer(id), issued `+column+`, total INTEGER);
INSERT INTO customer VALUES (1, 'ada@example.org');
INSERT INTO invoice VALUES (1, 1, `+value+`, 9);`)
				s := opened(t, db, moved, nil)
				who := person("ada@example.org")
				who.Zone = york
				if got := sinceOf(locate(t, s, who), "invoice"); !got.Equal(want) {
					t.Errorf("it began %s, want %s", got, want)
				}
				if who.Zone = nil; column == "DATE" {
					want = end(time.FixedZone("", -12*60*60))
					if got := sinceOf(locate(t, s, who), "invoice"); !got.Equal(want) {
						t.Errorf("without a zone it began %s, want %s", got, want)
					}
				}
			})
		}
	}
}
