package sqlsystem

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

// somebody writes whether a row is anybody's: whether it says something of a
// person, or whether the rows do that lead to it. A row of which only masks are
// left is nobody's; one of which that can't be known is somebody's.
func (q *search) somebody(t *table, alias string) {
	telling := t.telling()
	leading := slices.Concat(t.down, t.up)
	if len(telling)+len(leading) == 0 {
		q.put("1 = 1")
		return
	}
	q.put("(")
	for _, f := range telling {
		q.told(f, alias+"."+q.quoted(f.Name))
		q.put(" OR ")
	}
	for i, e := range leading {
		source, from := q.plan.tables[e.From], alias+strconv.Itoa(i)
		q.put("EXISTS (SELECT 1 FROM ", q.table(source.name), " ", from, " WHERE ", from, ".", q.quoted(e.FromField),
			" = ", alias, ".", q.quoted(e.ToField), " AND ")
		q.somebody(source, from)
		q.put(") OR ")
	}
	q.put("1 = 0)")
}

// telling are the columns that say something of a person. A number that only
// joins rows does not, nor what the database derives from other columns.
func (t *table) telling() []field {
	return slices.DeleteFunc(slices.Clone(t.fields), func(f field) bool {
		return len(f.Personal()) == 0 || f.column.generated || f.mask.way == maskLeft && f.Identity == ""
	})
}

// told writes whether a column says something: a mask does not, whoever's
// erasure it is from, nor does an empty text.
func (s *statement) told(f field, expr string) {
	switch pattern := f.mask.pattern(); {
	case f.mask.way == maskNumber:
		low, high := f.mask.all()
		s.put("(", expr, " IS NOT NULL AND NOT (", expr, " BETWEEN ", low, " AND ", high, "))")
	case pattern == "":
		s.held(f, expr)
	default:
		text := s.dialect.exact(expr, f.column)
		if f.mask.way == maskUUID {
			text = "CAST(" + expr + " AS CHAR(36))"
		}
		s.put("(", expr, " IS NOT NULL AND NOT (", text, " LIKE ")
		s.cast(pattern, classText).put("))")
	}
	if f.column.class == classText {
		s.put(" AND ", expr, " <> ''")
	}
}

// shortest is how long a token is at least that is known as one without its key.
const shortest = 6

// pattern is how all erasures' tokens look; empty if too short to tell. Who
// gives themselves such a name passes for nobody, to their own loss only: what
// masks a value goes by the key.
func (m mask) pattern() string {
	if m.way == maskUUID {
		return "________-____-8___-8___-____________"
	}
	if m.way != maskToken || m.prefix == "" || m.room < shortest {
		return ""
	}
	return m.prefix + strings.Repeat("_", m.room-len(m.prefix)) + m.suffix
}

// all is where the numbers of all erasures are.
func (m mask) all() (low, high string) {
	return m.number(1<<(8*m.bytes-2) - 1), m.number(0)
}

// hold locks the rows that can be the person's and others' too, before it is
// judged whose they are: of two erasures at once the second then sees what the
// first has done, so that nothing stays for people who are both gone.
func (e *erasure) hold(ctx context.Context, tx *sql.Tx, task *task) error {
	t := task.table
	lock := e.dialect.forHold()
	if lock == "" || !task.concerned() || !t.sharing() {
		return nil
	}
	q := e.search(e.plan, e.person)
	q.from(t)
	q.put("SELECT ")
	q.keyColumns(t)
	q.put(" FROM ", q.table(t.name), " t JOIN (SELECT * FROM ", id(t.found(), t))
	if len(t.up) > 0 {
		q.put(" UNION SELECT * FROM ", id("u", t))
	}
	q.put(") m ON ")
	q.onKey(t, "m")
	q.put(" ORDER BY ")
	q.keyColumns(t)
	q.put(lock)
	return each(ctx, tx, q.String(), q.args, func(*sql.Rows) error { return nil })
}
