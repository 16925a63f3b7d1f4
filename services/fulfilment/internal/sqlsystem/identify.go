package sqlsystem

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// matches writes whether an expression for an identity column equals one of the
// person's identifiers of its kind.
func (q *search) matches(f field, expr string) {
	for _, identifier := range q.person.Identifiers {
		if identifier.Kind != f.Identity || !storable(identifier.Value) {
			continue
		}
		switch {
		case f.column.class == classInt && f.Identity == "phone":
			q.number(strings.TrimPrefix(identifier.Value, "+"), expr)
		case f.column.class == classInt:
			q.number(identifier.Value, expr)
		case f.column.class == classUUID:
			q.uuid(f, identifier.Value, expr)
		case f.Identity == "email":
			q.email(f, identifier.Value, expr)
		case f.Identity == "phone":
			q.phone(f, identifier.Value, expr)
		default:
			q.plainly(f, identifier.Value, expr)
		}
	}
	q.put("1 = 0")
}

// storable says whether a database could hold the value at all.
func storable(value string) bool {
	return value != "" && utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}

func (q *search) number(value, expr string) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(n, 10) == value {
		q.put(expr, " = ").cast(n, classInt).put(" OR ")
	}
}

func (q *search) uuid(f field, value, expr string) {
	hyphens := []int{8, 13, 18, 23}
	for i, c := range []byte(value) {
		hex := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
		if slices.Contains(hyphens, i) && c != '-' || !slices.Contains(hyphens, i) && !hex {
			return
		}
	}
	if len(value) == 36 {
		q.put(q.dialect.exact(expr, f.column), " = ").cast(strings.ToLower(value), classUUID).put(" OR ")
	}
}

func (q *search) plainly(f field, value, expr string) {
	q.indexed(f, value, expr)
	q.put(q.dialect.exact(expr, f.column), " = ").cast(value, classText).put(" OR ")
}

// phone compares without the marks between digits, with the country's number
// after +, after 00 and by itself.
func (q *search) phone(f field, value, expr string) {
	forms := []string{value}
	if digits, ok := strings.CutPrefix(value, "+"); ok {
		forms = append(forms, "00"+digits, digits)
	}
	q.put(q.digits(q.dialect.exact(expr, f.column)), " IN (")
	q.list(len(forms), ", ", func(i int) { q.cast(forms[i], classText) })
	q.put(") OR ")
	q.plainly(f, value, expr)
}

// email compares without regard to case, with the domain in letters and as the
// network has it.
func (q *search) email(f field, value, expr string) {
	values := []string{value}
	if at := strings.LastIndex(value, "@") + 1; at > 0 {
		domain := strings.ToLower(value[at:])
		for _, form := range []func(string) (string, error){idna.ToASCII, idna.ToUnicode} {
			if other, err := form(domain); err == nil && other != domain && storable(other) {
				values = append(values, value[:at]+other)
			}
		}
	}
	for _, v := range values {
		q.folding(f, v, expr)
	}
}

// folding compares without regard to case. Some databases fold only the letters
// of ASCII, so the forms that they make of other letters are asked for as well.
func (q *search) folding(f field, value, expr string) {
	forms := []string{strings.ToLower(value), asciiLower(value), asciiLower(strings.ToUpper(value))}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	if f.column.folds {
		q.indexed(f, value, expr)
	}
	q.put(q.dialect.folded(expr, f.column), " IN (")
	q.list(len(forms), ", ", func(i int) { q.cast(forms[i], classText) })
	q.put(") OR ")
}

// indexed writes a weaker condition before a stronger one, because an index can
// answer it, where the database's own comparison is the weaker.
func (q *search) indexed(f field, value, expr string) {
	if _, ok := q.dialect.(mysqlDialect); ok && f.column.class == classText {
		q.put(expr, " = ").arg(value).put(" AND ")
	}
}

func asciiLower(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, text)
}

// digits is an expression for a telephone number without the marks that people
// write between its digits.
func (q *search) digits(expr string) string {
	for _, mark := range []string{" ", "-", "(", ")", ".", "/"} {
		expr = "replace(" + expr + ", '" + mark + "', '')"
	}
	return expr
}
