package sqlsystem

import (
	"context"
	"strconv"
	"strings"
)

// Kind is a family of databases.
type Kind string

// Kinds that are spoken.
const (
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql" // and MariaDB
	SQLite     Kind = "sqlite"
)

// dialect is what differs between kinds.
type dialect interface {
	// driver is the name under which database/sql knows it.
	driver() string
	// dsn makes a connection string safe: times are read as such, foreign keys
	// are held, one statement at a time.
	dsn(given string) (string, error)
	quote(name string) string
	placeholder(n int) string
	// read reads the catalogue of a schema; empty means the connection's own.
	read(ctx context.Context, q querier, schema string) (*catalogue, error)
	// folded is an expression for a column that compares without regard to case
	// and otherwise exactly with a text in lower case.
	folded(expr string, c *column) string
	// exact is an expression that compares exactly with a text.
	exact(expr string, c *column) string
	// parameter is a placeholder cast to what exact and folded compare with.
	parameter(placeholder string, c class) string
	// selected is an expression under which a column is read.
	selected(expr string, c *column) string
	// forUpdate ends a query that locks the rows of table t.
	forUpdate() string
	// forHold ends one that locks them against other erasures and, where the
	// database tells the two apart, not against new rows that refer to them.
	forHold() string
	// classify turns the driver's error into a public code and a reason.
	classify(err error) (code string, reason error)
}

func dialectOf(kind Kind) (dialect, bool) {
	switch kind {
	case PostgreSQL:
		return postgres{}, true
	case MySQL:
		return mysqlDialect{}, true
	case SQLite:
		return sqliteDialect{}, true
	default:
		return nil, false
	}
}

// statement is the text of a query in the making and its arguments, in order.
type statement struct {
	strings.Builder
	dialect dialect
	schema  string
	// key is that of the tokens by which the person's values are masked.
	key  []byte
	args []any
}

func (s *System) statement() *statement {
	return &statement{dialect: s.dialect, schema: s.config.Dataset.Schema}
}

// table is a table's name as a statement has it.
func (s *statement) table(name string) string {
	if s.schema == "" {
		return s.dialect.quote(name)
	}
	return s.dialect.quote(s.schema) + "." + s.dialect.quote(name)
}

// referring is the name of a key's table, of whatever schema.
func (s *statement) referring(k foreignKey) string {
	if k.schema == "" {
		return s.table(k.table)
	}
	return s.dialect.quote(k.schema) + "." + s.dialect.quote(k.table)
}

// put writes a mixture of texts.
func (s *statement) put(texts ...string) *statement {
	for _, text := range texts {
		s.WriteString(text)
	}
	return s
}

// arg writes a placeholder for a value.
func (s *statement) arg(value any) *statement {
	s.args = append(s.args, value)
	return s.put(s.dialect.placeholder(len(s.args)))
}

// cast writes a placeholder for a value that is compared with a class.
func (s *statement) cast(value any, c class) *statement {
	s.args = append(s.args, value)
	return s.put(s.dialect.parameter(s.dialect.placeholder(len(s.args)), c))
}

// list writes items with a separator.
func (s *statement) list(n int, separator string, item func(i int)) *statement {
	for i := range n {
		if i > 0 {
			s.put(separator)
		}
		item(i)
	}
	return s
}

// quoted wraps a name in a mark that is doubled inside.
func quoted(name, mark string) string {
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

func dollar(n int) string { return "$" + strconv.Itoa(n) }
