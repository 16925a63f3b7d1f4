package sqlsystem

import (
	"context"
	"maps"
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

// Unnamed lists the columns of the database's schema that the dataset does not name.
func (s *System) Unnamed(ctx context.Context) ([]connector.Unnamed, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	c, err := s.dialect.read(ctx, s.db, s.config.Dataset.Schema)
	if err != nil {
		return nil, s.failed(ctx, "read catalogue", err)
	}
	return unnamed(s.config.Dataset, c), nil
}

func unnamed(d *dataset.Dataset, c *catalogue) []connector.Unnamed {
	named := map[string]dataset.Collection{} // by the table's own name
	for _, collection := range d.Collections {
		named[c.spelled(collection.Name)] = collection
	}
	var out []connector.Unnamed
	for _, name := range slices.Sorted(maps.Keys(c.tables)) {
		t := c.tables[name]
		collection := named[name]
		near := len(collection.Categories()) > 0 || slices.ContainsFunc(c.keys, func(k foreignKey) bool {
			target := named[k.target]
			return k.schema == "" && k.table == name && len(target.Categories()) > 0
		})
		for _, col := range t.columns {
			if !slices.ContainsFunc(collection.Fields, func(f dataset.Field) bool { return t.spelled(f.Name) == col.name }) {
				out = append(out, connector.Unnamed{Path: name + "." + col.name, Column: col.name, Near: near})
			}
		}
	}
	return out
}
