package sqlsystem

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// class is what a column's values are, as far as reading, comparing and masking
// go.
type class int

const (
	classOther class = iota
	classText
	classInt
	classFloat
	classDecimal
	classBool
	classTime
	classBytes
	classUUID
	classJSON
	classEnum
	classPoint
)

// column is a column as the database knows it.
type column struct {
	name      string
	declared  string // the type as the database names it
	class     class
	nullable  bool
	generated bool
	folds     bool // compares without regard to case
	length    int  // most characters of a text; 0: no limit stated
	size      int  // bytes of a whole number; 0: 8
	unique    bool // alone or with others in a unique index or key
	alone     bool // alone in one
	label     string
	// sources are the columns that a generated one is made of, if that is known.
	sources []string
}

// foreignKey is a rule that columns of one table name rows of another.
type foreignKey struct {
	name          string
	schema        string // of the table, if it is another than the dataset's
	table         string
	columns       []string
	target        string // empty if it is of another schema
	targetColumns []string
}

// called is the name of the table that refers, for people.
func (k foreignKey) called() string {
	if k.schema == "" {
		return k.table
	}
	return k.schema + "." + k.table
}

// relation is a table of the database.
type relation struct {
	name     string
	columns  []column
	primary  []string
	uniques  [][]string
	triggers []string
	// row is the name under which the database numbers the rows itself, where
	// nothing else tells every one from the others.
	row string
}

func (t *relation) column(name string) (*column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	switch {
	case i >= 0:
		return &t.columns[i], true
	case t.row != "" && name == t.row:
		return &column{name: name, class: classInt}, true
	default:
		return nil, false
	}
}

// handle is by what rows are told apart: their key, unless it can be null in
// several of them.
func (t *relation) handle() []string {
	if t.row != "" {
		return []string{t.row}
	}
	return t.key()
}

// key is what tells rows apart: the primary key or else the first unique key
// without nulls.
func (t *relation) key() []string {
	if len(t.primary) > 0 {
		return t.primary
	}
	for _, unique := range t.uniques {
		if !slices.ContainsFunc(unique, func(name string) bool {
			c, ok := t.column(name)
			return !ok || c.nullable
		}) {
			return unique
		}
	}
	return nil
}

// onlyUnique says whether a column alone tells rows apart.
func (t *relation) onlyUnique(name string) bool {
	alone := []string{name}
	return slices.Equal(t.primary, alone) ||
		slices.ContainsFunc(t.uniques, func(u []string) bool { return slices.Equal(u, alone) })
}

// catalogue is what the database says of itself.
type catalogue struct {
	tables map[string]*relation
	keys   []foreignKey
	// folded are the tables with an index on the lower-case form of a column.
	folded map[string][]string
	// blind says that foreign keys of other schemas can exist that the account
	// is not shown.
	blind bool
	// partial are the tables, as keys call them, of which the account may be
	// shown some rows only.
	partial []string
}

func newCatalogue() *catalogue {
	return &catalogue{tables: map[string]*relation{}, folded: map[string][]string{}}
}

func (c *catalogue) table(name string) *relation {
	t := c.tables[name]
	if t == nil {
		t = &relation{name: name}
		c.tables[name] = t
	}
	return t
}

// addKey notes one column of a primary or unique key; those of one key follow
// each other.
func (c *catalogue) addKey(table, index string, primary bool, name string, last *string) {
	t, ok := c.tables[table]
	if !ok {
		return
	}
	if primary {
		t.primary = append(t.primary, name)
		return
	}
	if key := table + "\x00" + index; key != *last {
		*last = key
		t.uniques = append(t.uniques, nil)
	}
	n := len(t.uniques) - 1
	t.uniques[n] = append(t.uniques[n], name)
}

// addForeign notes one column of a foreign key; those of one key follow each
// other.
func (c *catalogue) addForeign(k foreignKey, name, targetName string) {
	n := len(c.keys) - 1
	if n < 0 || c.keys[n].name != k.name || c.keys[n].called() != k.called() || c.keys[n].target != k.target {
		c.keys = append(c.keys, k)
		n++
	}
	c.keys[n].columns = append(c.keys[n].columns, name)
	c.keys[n].targetColumns = append(c.keys[n].targetColumns, targetName)
}

// spelled is the name of a table as the database has it, for one that was
// written in letters of another case. A name that is exact comes first.
func (c *catalogue) spelled(name string) string {
	if c.tables[name] != nil {
		return name
	}
	for own := range c.tables {
		if asciiLower(own) == asciiLower(name) {
			return own
		}
	}
	return name
}

// spelled is the same for a column.
func (t *relation) spelled(name string) string {
	if _, ok := t.column(name); ok {
		return name
	}
	for _, c := range t.columns {
		if asciiLower(c.name) == asciiLower(name) {
			return c.name
		}
	}
	return name
}

// finish spells the columns of keys as their tables do, and derives what columns
// say of their keys.
func (c *catalogue) finish() {
	for _, k := range c.keys {
		if target := c.tables[k.target]; target != nil {
			for i, name := range k.targetColumns {
				k.targetColumns[i] = target.spelled(name)
			}
		}
	}
	for _, t := range c.tables {
		for i := range t.columns {
			name := t.columns[i].name
			t.columns[i].alone = t.onlyUnique(name)
			t.columns[i].unique = slices.Contains(t.primary, name) ||
				slices.ContainsFunc(t.uniques, func(u []string) bool { return slices.Contains(u, name) })
		}
	}
	slices.SortStableFunc(c.keys, func(a, b foreignKey) int {
		return strings.Compare(a.called()+"\x00"+a.name, b.called()+"\x00"+b.name)
	})
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// each calls found for every row of a query, to scan it.
func each(ctx context.Context, q querier, query string, args []any, found func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := found(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
