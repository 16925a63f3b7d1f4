package sqlsystem

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"habeas.internal/services/fulfilment/internal/connector"
)

// postgres speaks PostgreSQL.
type postgres struct{}

func (postgres) driver() string           { return "pgx" }
func (postgres) quote(name string) string { return quoted(name, `"`) }
func (postgres) placeholder(n int) string { return dollar(n) }
func (postgres) forUpdate() string        { return " FOR UPDATE OF t" }
func (postgres) forHold() string          { return " FOR NO KEY UPDATE OF t" }

// dsn refuses what is no connection string of PostgreSQL.
func (postgres) dsn(given string) (string, error) {
	_, err := pgconn.ParseConfig(given)
	return given, err
}

func (postgres) folded(expr string, _ *column) string { return "lower(" + expr + "::text)" }

func (postgres) exact(expr string, c *column) string {
	switch c.class {
	case classText, classEnum, classOther, classJSON:
		return expr + "::text"
	default:
		return expr
	}
}

func (postgres) parameter(placeholder string, c class) string {
	switch c {
	case classInt:
		return placeholder + "::bigint"
	case classUUID:
		return placeholder + "::uuid"
	default:
		return placeholder + "::text"
	}
}

func (postgres) selected(expr string, c *column) string {
	switch c.class {
	case classOther, classDecimal, classUUID, classJSON, classEnum:
		return expr + "::text"
	default:
		return expr
	}
}

const postgresColumns = `
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typtype::text,
       NOT a.attnotnull, a.attgenerated <> '' OR a.attidentity = 'a',
       CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 ELSE 0 END,
       CASE WHEN t.typname IN ('int2', 'int4') THEN a.attlen ELSE 0 END,
       coalesce((SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1), '')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname = coalesce(nullif($1::text, ''), current_schema())
ORDER BY c.relname, a.attnum`

const postgresKeys = `
SELECT c.relname, x.relname, i.indisprimary, a.attname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) ON k.place <= i.indnkeyatts
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND n.nspname = coalesce(nullif($1::text, ''), current_schema())
ORDER BY c.relname, x.relname, k.place`

// A key is of interest for the rows that it names: whoever refers to them, from
// whatever schema, and to whichever partition or heir of the table.
const postgresForeign = `
WITH RECURSIVE home AS (SELECT coalesce(nullif($1::text, ''), current_schema()) AS name),
above (child, oid) AS (
  SELECT confrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
  UNION SELECT u.child, i.inhparent FROM above u JOIN pg_inherits i ON i.inhrelid = u.oid)
SELECT f.conname, CASE WHEN n.nspname = home.name THEN '' ELSE n.nspname::text END, c.relname, a.attname,
       CASE WHEN m.nspname = home.name THEN d.relname::text ELSE '' END, b.attname
FROM pg_constraint f
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(f.conrelid), f.conrelid)
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN above u ON u.child = f.confrelid
JOIN pg_class d ON d.oid = u.oid AND NOT d.relispartition
JOIN pg_namespace m ON m.oid = d.relnamespace
JOIN home ON home.name IN (n.nspname, m.nspname)
JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(mine, theirs, place) ON true
JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.mine
JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.theirs
WHERE f.contype = 'f' AND f.conparentid = 0
ORDER BY n.nspname, c.relname, f.conname, f.oid, m.nspname, d.relname, k.place`

const postgresSources = `
SELECT c.relname, a.attname, s.attname
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
JOIN pg_attribute s ON s.attrelid = d.refobjid AND s.attnum = d.refobjsubid AND s.attnum <> a.attnum
WHERE a.attgenerated <> '' AND n.nspname = coalesce(nullif($1::text, ''), current_schema())
ORDER BY c.relname, a.attnum, s.attnum`

const postgresTriggers = `
SELECT DISTINCT c.relname, g.name
FROM (SELECT tgrelid AS owner, tgname AS name FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT ev_class, rulename FROM pg_rewrite WHERE ev_type <> '1') g
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(g.owner), g.owner)
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = coalesce(nullif($1::text, ''), current_schema())
ORDER BY c.relname, g.name`

const postgresPartial = `
SELECT CASE WHEN n.nspname = coalesce(nullif($1::text, ''), current_schema()) THEN '' ELSE n.nspname || '.' END || c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') AND row_security_active(c.oid)
ORDER BY n.nspname, c.relname`

const postgresFolded = `
SELECT tablename, indexdef
FROM pg_indexes
WHERE indexdef LIKE '%lower(%' AND schemaname = coalesce(nullif($1::text, ''), current_schema())`

func (p postgres) read(ctx context.Context, q querier, schema string) (*catalogue, error) {
	c := newCatalogue()
	args := []any{schema}
	err := each(ctx, q, postgresColumns, args, func(rows *sql.Rows) error {
		var table, base, kind string
		var col column
		err := rows.Scan(&table, &col.name, &col.declared, &base, &kind, &col.nullable,
			&col.generated, &col.length, &col.size, &col.label)
		col.class = p.class(base, kind)
		col.folds = base == "citext"
		t := c.table(table)
		t.columns = append(t.columns, col)
		return err
	})
	if err != nil {
		return nil, err
	}
	var last string
	err = each(ctx, q, postgresKeys, args, func(rows *sql.Rows) error {
		var table, index, name string
		var primary bool
		err := rows.Scan(&table, &index, &primary, &name)
		c.addKey(table, index, primary, name, &last)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, postgresForeign, args, func(rows *sql.Rows) error {
		var k foreignKey
		var name, target string
		err := rows.Scan(&k.name, &k.schema, &k.table, &name, &k.target, &target)
		c.addForeign(k, name, target)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, p.extras(ctx, q, c, args)
}

func (postgres) extras(ctx context.Context, q querier, c *catalogue, args []any) error {
	err := each(ctx, q, postgresSources, args, func(rows *sql.Rows) error {
		var table, name, source string
		err := rows.Scan(&table, &name, &source)
		if t := c.tables[table]; t != nil {
			if col, ok := t.column(name); ok {
				col.sources = append(col.sources, source)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, q, postgresTriggers, args, func(rows *sql.Rows) error {
		var table, trigger string
		err := rows.Scan(&table, &trigger)
		c.table(table).triggers = append(c.table(table).triggers, trigger)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, q, postgresPartial, args, func(rows *sql.Rows) error {
		var table string
		err := rows.Scan(&table)
		c.partial = append(c.partial, table)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, q, postgresFolded, args, func(rows *sql.Rows) error {
		var table, definition string
		err := rows.Scan(&table, &definition)
		c.folded[table] = append(c.folded[table], definition)
		return err
	})
	c.finish()
	return err
}

func (postgres) class(base, kind string) class {
	if kind == "e" {
		return classEnum
	}
	switch base {
	case "text", "varchar", "bpchar", "name", "citext", "char":
		return classText
	case "int2", "int4", "int8":
		return classInt
	case "float4", "float8":
		return classFloat
	case "numeric":
		return classDecimal
	case "bool":
		return classBool
	case "date", "timestamp", "timestamptz":
		return classTime
	case "bytea":
		return classBytes
	case "uuid":
		return classUUID
	case "json", "jsonb":
		return classJSON
	default:
		return classOther
	}
}

func (postgres) classify(err error) (code string, reason error) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) || pgconn.Timeout(err) {
			return "", connector.ErrUnreachable
		}
		return "", nil
	}
	switch {
	case strings.HasPrefix(e.Code, "28"), e.Code == "42501":
		return e.Code, connector.ErrDenied
	case strings.HasPrefix(e.Code, "23"), strings.HasPrefix(e.Code, "P0"), e.Code == "27000",
		strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "44"):
		return e.Code, connector.ErrConstraint
	case strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "3D"), strings.HasPrefix(e.Code, "3F"):
		return e.Code, connector.ErrMismatch
	case e.Code == "40001", e.Code == "40P01", e.Code == "55P03":
		return e.Code, connector.ErrBusy
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"):
		return e.Code, connector.ErrUnreachable
	default:
		return e.Code, nil
	}
}
