package sqlsystem

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"habeas.internal/services/fulfilment/internal/connector"
)

// mysqlDialect speaks MySQL 8 and MariaDB 10.2 or later.
type mysqlDialect struct{}

func (mysqlDialect) driver() string           { return "mysql" }
func (mysqlDialect) quote(name string) string { return quoted(name, "`") }
func (mysqlDialect) placeholder(int) string   { return "?" }
func (mysqlDialect) forUpdate() string        { return " FOR UPDATE" }
func (mysqlDialect) forHold() string          { return " FOR UPDATE" }

func (mysqlDialect) dsn(given string) (string, error) {
	config, err := mysql.ParseDSN(given)
	if err != nil {
		return "", err
	}
	config.ParseTime, config.Loc, config.MultiStatements = true, time.UTC, false
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["time_zone"] = "'+00:00'"
	config.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	return config.FormatDSN(), nil
}

// folded asks the column's own collation first, which an index can answer, and
// then for equality but for case: most collations also ignore accents.
func (mysqlDialect) folded(expr string, _ *column) string {
	return "CAST(LOWER(CONVERT(" + expr + " USING utf8mb4)) AS BINARY)"
}

func (mysqlDialect) exact(expr string, c *column) string {
	switch c.class {
	case classText, classEnum, classOther, classJSON, classUUID:
		return "CAST(CONVERT(" + expr + " USING utf8mb4) AS BINARY)"
	default:
		return expr
	}
}

func (mysqlDialect) parameter(placeholder string, c class) string {
	if c == classInt {
		return placeholder
	}
	return "CAST(CONVERT(" + placeholder + " USING utf8mb4) AS BINARY)"
}

func (mysqlDialect) selected(expr string, _ *column) string { return expr }

const mysqlColumns = `
SELECT c.table_name, c.column_name, c.column_type, c.data_type, c.is_nullable = 'YES', c.extra LIKE '%GENERATED%',
       coalesce(c.collation_name LIKE '%_ci', false), coalesce(c.character_maximum_length, 0),
       CASE c.data_type WHEN 'tinyint' THEN 1 WHEN 'smallint' THEN 2 WHEN 'mediumint' THEN 3 WHEN 'int' THEN 4 ELSE 0 END,
       coalesce(c.generation_expression, '')
FROM information_schema.columns c
JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.table_schema = coalesce(nullif(?, ''), database())
ORDER BY c.table_name, c.ordinal_position`

const mysqlKeys = `
SELECT table_name, index_name, index_name = 'PRIMARY', column_name
FROM information_schema.statistics
WHERE non_unique = 0 AND table_schema = coalesce(nullif(?, ''), database()) AND column_name IS NOT NULL
ORDER BY table_name, index_name, seq_in_index`

const mysqlForeign = `
SELECT k.constraint_name, CASE WHEN k.table_schema = home.name THEN '' ELSE k.table_schema END, k.table_name, k.column_name,
       CASE WHEN k.referenced_table_schema = home.name THEN k.referenced_table_name ELSE '' END, k.referenced_column_name
FROM information_schema.key_column_usage k
JOIN (SELECT coalesce(nullif(?, ''), database()) AS name) home
WHERE k.referenced_table_name IS NOT NULL AND home.name IN (k.table_schema, k.referenced_table_schema)
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position`

// The server shows an account the keys of those tables only to which it has a
// right.
const mysqlSees = `SELECT count(*) FROM information_schema.user_privileges WHERE privilege_type = 'SELECT'`

const mysqlTriggers = `
SELECT event_object_table, trigger_name
FROM information_schema.triggers
WHERE trigger_schema = coalesce(nullif(?, ''), database())
ORDER BY event_object_table, trigger_name`

func (m mysqlDialect) read(ctx context.Context, q querier, schema string) (*catalogue, error) {
	c := newCatalogue()
	args := []any{schema}
	made := map[string]map[string]string{} // what columns are generated from, by table and column
	err := each(ctx, q, mysqlColumns, args, func(rows *sql.Rows) error {
		var table, base, expression string
		var col column
		var length uint64
		err := rows.Scan(&table, &col.name, &col.declared, &base, &col.nullable, &col.generated,
			&col.folds, &length, &col.size, &expression)
		if length < 1<<20 {
			col.length = int(length)
		}
		col.class = m.class(strings.ToLower(base))
		if label, ok := strings.CutPrefix(col.declared, "enum('"); ok {
			col.label, _, _ = strings.Cut(label, "'")
		}
		t := c.table(table)
		t.columns = append(t.columns, col)
		if expression != "" {
			if made[table] == nil {
				made[table] = map[string]string{}
			}
			made[table][col.name] = expression
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for table, expressions := range made {
		for name, expression := range expressions {
			col, _ := c.tables[table].column(name)
			c.tables[table].derive(col, words(expression))
		}
	}
	var last string
	err = each(ctx, q, mysqlKeys, args, func(rows *sql.Rows) error {
		var table, index, name string
		var primary bool
		err := rows.Scan(&table, &index, &primary, &name)
		c.addKey(table, index, primary, name, &last)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, mysqlForeign, args, func(rows *sql.Rows) error {
		var k foreignKey
		var name, target string
		err := rows.Scan(&k.name, &k.schema, &k.table, &name, &k.target, &target)
		k.target = c.spelled(k.target)
		c.addForeign(k, name, target)
		return err
	})
	if err == nil {
		err = m.extras(ctx, q, c, args)
	}
	c.finish()
	return c, err
}

func (mysqlDialect) extras(ctx context.Context, q querier, c *catalogue, args []any) error {
	err := each(ctx, q, mysqlSees, nil, func(rows *sql.Rows) error {
		var rights int
		err := rows.Scan(&rights)
		c.blind = rights == 0
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, q, mysqlTriggers, args, func(rows *sql.Rows) error {
		var table, trigger string
		err := rows.Scan(&table, &trigger)
		c.table(table).triggers = append(c.table(table).triggers, trigger)
		return err
	})
}

func (mysqlDialect) class(base string) class {
	switch base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "set":
		return classText
	case "enum":
		return classEnum
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		return classInt
	case "float", "double":
		return classFloat
	case "decimal":
		return classDecimal
	case "date", "datetime", "timestamp":
		return classTime
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit":
		return classBytes
	case "json":
		return classJSON
	case "uuid":
		return classUUID
	case "geometry", "point":
		return classPoint
	default:
		return classOther
	}
}

func (mysqlDialect) classify(err error) (code string, reason error) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		if errors.Is(err, mysql.ErrInvalidConn) {
			return "", connector.ErrUnreachable
		}
		return "", nil
	}
	code = string(e.SQLState[:])
	switch e.Number {
	case 1044, 1045, 1142, 1143, 1227, 1290, 1370, 1410, 1698:
		return code, connector.ErrDenied
	case 1048, 1062, 1169, 1216, 1217, 1264, 1364, 1365, 1366, 1406, 1442, 1451, 1452, 1557, 1644, 3819, 4025:
		return code, connector.ErrConstraint
	case 1046, 1049, 1051, 1054, 1064, 1109, 1146, 1247, 1267:
		return code, connector.ErrMismatch
	case 1205, 1213:
		return code, connector.ErrBusy
	case 1040, 1053, 1129, 1130, 1203, 1226, 1927:
		return code, connector.ErrUnreachable
	default:
		return code, nil
	}
}
