package sqlsystem

import (
	"fmt"
	"slices"
)

// How much a kind of identifier says of whose a row is.
const (
	ofMany = iota // a device's, which many use and of which a person has many
	ofAFew        // a telephone's, which a household shares
	ofOne         // an address or account: one person's
)

func bond(kind string) int {
	switch kind {
	case "device", "cookie":
		return ofMany
	case "phone":
		return ofAFew
	default:
		return ofOne
	}
}

// beside lists the identity columns that can say of a row found by column f that
// it is somebody else's: those that say more than f does, and those of the same
// kind, unless f is what tells the rows apart.
func (t *table) beside(f field) []field {
	return slices.DeleteFunc(slices.Clone(t.fields), func(g field) bool {
		same := g.Identity == f.Identity && bond(f.Identity) > ofMany && !t.onlyUnique(f.Name)
		return f.Identity == "" || g.Identity == "" || g.Name == f.Name ||
			!same && bond(g.Identity) <= bond(f.Identity)
	})
}

// mixes says whether a row of the table can bear identities of several people.
func (t *table) mixes() bool {
	return slices.ContainsFunc(t.fields, func(f field) bool { return len(t.beside(f)) > 0 })
}

// mixing remarks on the columns by which that is so.
func (t *table) mixing() []string {
	var remarks []string
	for i, f := range t.fields {
		for j, g := range t.fields {
			switch {
			case f.Identity == "" || g.Identity == "" || i == j:
			case f.Identity == g.Identity && i < j && bond(f.Identity) > ofMany:
				remarks = append(remarks, fmt.Sprintf("columns %s.%s and %s are both identities of the kind %s: a row that bears two people's is shared",
					t.name, f.Name, g.Name, f.Identity))
			case bond(f.Identity) < bond(g.Identity):
				remarks = append(remarks, fmt.Sprintf("column %s.%s can be several people's: a row found by it that bears another %s than the person's is shared",
					t.name, f.Name, g.Name))
			}
		}
	}
	return remarks
}

// elses writes whether row t bears an identity that is not the person's.
func (q *search) elses(t *table, alias string) {
	for _, f := range t.fields {
		if f.Identity == "" {
			continue
		}
		q.put("(")
		q.bears(f, alias)
		q.put(" AND NOT (")
		q.matches(f, alias+"."+q.quoted(f.Name))
		q.put(")) OR ")
	}
	q.put("1 = 0")
}

// bears writes whether row t has an identity in a column at all.
func (q *search) bears(f field, alias string) {
	q.told(f, alias+"."+q.quoted(f.Name))
}

// identified writes whether row t bears an identity of the person.
func (q *search) identified(t *table, alias string) {
	for _, f := range t.fields {
		if f.Identity != "" {
			q.put("(")
			q.matches(f, alias+"."+q.quoted(f.Name))
			q.put(") OR ")
		}
	}
	q.put("1 = 0")
}

// owned writes whether row t is the person's by its identities.
func (q *search) owned(t *table) {
	q.put("(")
	for _, f := range t.fields {
		if f.Identity == "" {
			continue
		}
		q.put("((")
		q.matches(f, "t."+q.quoted(f.Name))
		q.put(")")
		for _, g := range t.beside(f) {
			q.put(" AND NOT (")
			q.others(t, g)
			q.put(")")
		}
		q.put(") OR ")
	}
	q.put("1 = 0)")
}

// others writes whether row t bears in column g somebody else's identity. Of a
// kind by which the person is not known, it is taken for theirs, unless they
// would have several.
func (q *search) others(t *table, g field) {
	q.bears(g, "t")
	q.put(" AND NOT (")
	q.matches(g, "t."+q.quoted(g.Name))
	q.put(")")
	if q.known(g.Identity) {
		return
	}
	q.put(" AND EXISTS (SELECT 1 FROM ", q.table(t.name), " t2 WHERE (")
	q.identified(t, "t2")
	q.put(") AND ")
	q.bears(g, "t2")
	q.put(" AND ", q.alike(g, "t2"), " <> ", q.alike(g, "t"), ")")
}

// known says whether the person has an identifier of a kind.
func (q *search) known(kind string) bool {
	for _, identifier := range q.person.Identifiers {
		if identifier.Kind == kind && storable(identifier.Value) {
			return true
		}
	}
	return false
}

// alike is an expression that is the same for spellings of one identifier.
func (q *search) alike(f field, alias string) string {
	expr := alias + "." + q.quoted(f.Name)
	switch {
	case f.Identity == "email":
		return q.dialect.folded(expr, f.column)
	case f.Identity == "phone" && f.column.class == classText:
		return q.digits(q.dialect.exact(expr, f.column))
	default:
		return q.dialect.exact(expr, f.column)
	}
}

// othersToo writes the rows that are shared, with those that bear an identity of
// the person beside somebody else's.
func (q *search) othersToo(t *table) {
	q.put("(SELECT z.* FROM (")
	if t.sharing() {
		q.put("SELECT * FROM ", id("h", t), " UNION ")
	}
	q.put("SELECT ")
	q.columns(t)
	q.put(" FROM ", q.table(t.name), " t WHERE ")
	q.identified(t, "t")
	q.put(") z WHERE NOT EXISTS (SELECT 1 FROM ", id("m", t), " o WHERE ")
	q.sameKey(t, "o", "z")
	q.put(")) f")
}
