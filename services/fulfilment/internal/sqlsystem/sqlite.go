package sqlsystem

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"habeas.internal/services/fulfilment/internal/connector"
)

// sqliteDialect speaks SQLite 3. The schema is that of the file.
type sqliteDialect struct{}

// errNoFile says that a connection string names no file. It does not repeat it.
var errNoFile = errors.New("connection string names no file")

func (sqliteDialect) driver() string           { return "sqlite" }
func (sqliteDialect) quote(name string) string { return quoted(name, `"`) }
func (sqliteDialect) placeholder(int) string   { return "?" }
func (sqliteDialect) forUpdate() string        { return "" } // a transaction that writes is alone
func (sqliteDialect) forHold() string          { return "" }

// server is how connection strings of servers look, which name no file.
var server = regexp.MustCompile(`^[a-z]+://|@(tcp|unix)\(|(^|\s)(host|dbname)=`)

// dsn refuses what is a server's, holds foreign keys, waits for others, takes the write lock at the start of
// a transaction, makes no file where there is none, and overwrites with zeros
// what is deleted.
func (sqliteDialect) dsn(given string) (string, error) {
	if !strings.HasPrefix(given, "file:") {
		if server.MatchString(given) {
			return "", errNoFile
		}
		given = "file:" + given
	}
	separator := "?"
	if strings.Contains(given, "?") {
		separator = "&"
	}
	if !strings.Contains(given, "mode=") {
		given += separator + "mode=rw"
		separator = "&"
	}
	return given + separator + "_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=busy_timeout(5000)&_txlock=immediate", nil
}

func (sqliteDialect) folded(expr string, _ *column) string {
	return "lower(CAST(" + expr + " AS TEXT)) COLLATE BINARY"
}

func (sqliteDialect) exact(expr string, c *column) string {
	if c.class == classInt {
		return expr
	}
	return "CAST(" + expr + " AS TEXT) COLLATE BINARY"
}

func (sqliteDialect) parameter(placeholder string, _ class) string { return placeholder }
func (sqliteDialect) selected(expr string, _ *column) string       { return expr }

// Where the primary key is not the row's own number, SQLite takes nulls in it, and
// as many as there are.
const sqliteColumns = `
SELECT m.name, c.name, c.type, NOT c."notnull" AND (c.pk = 0 OR NOT l.wr AND EXISTS (
         SELECT 1 FROM pragma_index_list(m.name) i WHERE i.origin = 'pk')), c.hidden IN (2, 3), c.pk
FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
JOIN pragma_table_list(m.name) l ON l.schema = 'main'
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND c.hidden <> 1
ORDER BY m.name, c.cid`

const sqliteUniques = `
SELECT m.name, i.name, c.name
FROM sqlite_schema m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
WHERE m.type = 'table' AND i."unique" AND i.origin <> 'pk' AND NOT i.partial AND c.name IS NOT NULL
ORDER BY m.name, i.seq, c.seqno`

const sqliteForeign = `
SELECT m.name, f.id, f."table", f."from", coalesce(f."to", ''), f.seq
FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
WHERE m.type = 'table'
ORDER BY m.name, f.id, f.seq`

const sqliteMade = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"

const sqliteOthers = `
SELECT type, tbl_name, name, coalesce(sql, '')
FROM sqlite_schema
WHERE type = 'trigger' OR (type = 'index' AND sql LIKE '%lower(%')
ORDER BY tbl_name, name`

func (s sqliteDialect) read(ctx context.Context, q querier, _ string) (*catalogue, error) {
	c := newCatalogue()
	if err := s.columns(ctx, q, c); err != nil {
		return nil, err
	}
	var last string
	err := each(ctx, q, sqliteUniques, nil, func(rows *sql.Rows) error {
		var table, index, name string
		err := rows.Scan(&table, &index, &name)
		c.addKey(table, index, false, name, &last)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, sqliteForeign, nil, func(rows *sql.Rows) error {
		var k foreignKey
		var id, place int
		var name, target string
		err := rows.Scan(&k.table, &id, &k.target, &name, &target, &place)
		k.name, k.target = strconv.Itoa(id), c.spelled(k.target)
		if t, ok := c.tables[k.target]; ok && target == "" && place < len(t.primary) {
			target = t.primary[place]
		}
		c.addForeign(k, name, target)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, sqliteOthers, nil, func(rows *sql.Rows) error {
		var kind, table, name, text string
		err := rows.Scan(&kind, &table, &name, &text)
		if table = c.spelled(table); kind == "trigger" {
			c.table(table).triggers = append(c.table(table).triggers, name)
		} else {
			c.folded[table] = append(c.folded[table], text)
		}
		return err
	})
	c.finish()
	return c, err
}

func (s sqliteDialect) columns(ctx context.Context, q querier, c *catalogue) error {
	sized := regexp.MustCompile(`\((\d+)\)`)
	places := map[string]map[int]string{}
	err := each(ctx, q, sqliteColumns, nil, func(rows *sql.Rows) error {
		var table string
		var place int
		var col column
		err := rows.Scan(&table, &col.name, &col.declared, &col.nullable, &col.generated, &place)
		col.class = s.class(strings.ToUpper(col.declared))
		if found := sized.FindStringSubmatch(col.declared); found != nil && col.class == classText {
			col.length, _ = strconv.Atoi(found[1]) // SQLite itself does not hold it
		}
		t := c.table(table)
		t.columns = append(t.columns, col)
		if place > 0 {
			if places[table] == nil {
				places[table] = map[int]string{}
			}
			places[table][place] = col.name
		}
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, q, sqliteMade, nil, func(rows *sql.Rows) error {
		var table, text string
		err := rows.Scan(&table, &text)
		if t := c.tables[table]; t != nil {
			t.deriveAll(text)
		}
		return err
	})
	for table, names := range places {
		for place := 1; place <= len(names); place++ {
			c.tables[table].primary = append(c.tables[table].primary, names[place])
		}
		c.tables[table].number()
	}
	return err
}

// number finds the name of the row's own number if the primary key can be null;
// there is none where columns have taken all its names.
func (t *relation) number() {
	nulls := func(name string) bool { c, ok := t.column(name); return ok && c.nullable }
	taken := func(name string) bool {
		return slices.ContainsFunc(t.columns, func(c column) bool { return asciiLower(c.name) == name })
	}
	if !slices.ContainsFunc(t.primary, nulls) {
		return
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !taken(name) {
			t.row = name
			return
		}
	}
	t.primary = nil
}

// class follows the database's own rules of affinity, with the common names for
// what it keeps as text or number.
func (sqliteDialect) class(declared string) class {
	has := func(text string) bool { return strings.Contains(declared, text) }
	switch {
	case has("INT"):
		return classInt
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return classText
	case has("DATE"), has("TIME"):
		return classTime
	case has("BOOL"):
		return classBool
	case has("BLOB"), declared == "":
		return classBytes
	case has("REAL"), has("FLOA"), has("DOUB"):
		return classFloat
	case has("DECIMAL"), has("NUMERIC"):
		return classDecimal
	case has("UUID"):
		return classUUID
	case has("JSON"):
		return classJSON
	default:
		return classOther
	}
}

// Primary result codes of SQLite.
const (
	sqliteError      = 1
	sqlitePermission = 3
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteInput      = 10
	sqliteCantOpen   = 14
	sqliteConstraint = 19
	sqliteAuth       = 23
	sqliteNotADB     = 26
)

func (sqliteDialect) classify(err error) (code string, reason error) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return "", nil
	}
	code = strconv.Itoa(e.Code())
	switch e.Code() & 0xff {
	case sqlitePermission, sqliteReadOnly, sqliteAuth:
		return code, connector.ErrDenied
	case sqliteConstraint:
		return code, connector.ErrConstraint
	case sqliteError:
		return code, connector.ErrMismatch
	case sqliteBusy, sqliteLocked:
		return code, connector.ErrBusy
	case sqliteNotADB:
		return code, connector.ErrConnector
	case sqliteInput, sqliteCantOpen:
		return code, connector.ErrUnreachable
	default:
		return code, nil
	}
}
