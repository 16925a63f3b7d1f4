package sqlsystem_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/connector/connectortest"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/internal/sqltest"
)

func TestADatabaseOwesWhatEverySystemOwes(t *testing.T) {
	connectortest.Run(t, func(t *testing.T, db *sqltest.Database, d *dataset.Dataset) connector.System {
		s, err := sqlsystem.Open(sqlsystem.Config{Kind: sqlsystem.Kind(db.Kind), DSN: db.DSN, Dataset: d})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
