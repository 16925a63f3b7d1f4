package sqlsystem

import (
	"slices"
	"strings"
	"unicode"
)

// word is a name in a SQL text, or a parenthesis.
type word struct {
	text string
	bare bool // not between marks
}

// words splits a SQL text into names and parentheses; texts and signs are left
// out.
func words(sql string) []word {
	var all []word
	part := func(c rune) bool { return c == '_' || c == '$' || unicode.IsLetter(c) || unicode.IsDigit(c) }
	for rest := sql; rest != ""; {
		c := rune(rest[0])
		if i := strings.IndexRune("'\"`[", c); i >= 0 {
			inside, after, _ := strings.Cut(rest[1:], string("'\"`]"[i]))
			if c != '\'' {
				all = append(all, word{text: inside})
			}
			rest = after
			continue
		}
		end := strings.IndexFunc(rest, func(c rune) bool { return !part(c) })
		switch {
		case end < 0:
			return append(all, word{rest, true})
		case end > 0:
			all = append(all, word{rest[:end], true})
		default:
			end = 1
			if c == '(' || c == ')' {
				all = append(all, word{string(c), true})
			}
		}
		rest = rest[end:]
	}
	return all
}

// expressions are the names in what the columns of a table are generated from,
// column by column as the statement that made the table has them.
func expressions(sql string) [][]word {
	var all [][]word
	tokens := words(sql)
	for i := 0; i+1 < len(tokens); i++ {
		if !tokens[i].bare || !strings.EqualFold(tokens[i].text, "as") || tokens[i+1] != (word{"(", true}) {
			continue
		}
		first, depth := i+2, 1
		for i += 2; i < len(tokens) && depth > 0; i++ {
			switch tokens[i] {
			case word{"(", true}:
				depth++
			case word{")", true}:
				depth--
			}
		}
		all = append(all, tokens[first:i])
		i--
	}
	return all
}

// derive notes what a column is generated from: the columns that are named.
func (t *relation) derive(c *column, names []word) {
	for _, name := range names {
		source, ok := t.column(t.spelled(name.text))
		if ok && source.name != c.name && !slices.Contains(c.sources, source.name) {
			c.sources = append(c.sources, source.name)
		}
	}
}

// deriveAll does so for all generated columns, if it can be told which is which.
func (t *relation) deriveAll(sql string) {
	found := expressions(sql)
	var generated []*column
	for i := range t.columns {
		if t.columns[i].generated {
			generated = append(generated, &t.columns[i])
		}
	}
	if len(found) != len(generated) {
		return
	}
	for i, c := range generated {
		t.derive(c, found[i])
	}
}

// derivation is a generated column and the erased ones that it is made of.
type derivation struct {
	field
	roots []field
}

// derived takes out of the erased columns those that the database makes of
// nothing but others that are masked: with these they are erased too.
func (t *task) derived() {
	for i := 0; i < len(t.erased); i++ {
		if roots, ok := t.roots(t.erased[i], nil); ok {
			t.derivations = append(t.derivations, derivation{t.erased[i], roots})
		}
	}
	t.erased = slices.DeleteFunc(t.erased, func(f field) bool {
		return slices.ContainsFunc(t.derivations, func(d derivation) bool { return d.Name == f.Name })
	})
}

// roots are the masked columns that a generated one is made of; not ok if it is
// made of something else as well, or kept. On the way are those made of it.
func (t *task) roots(f field, way []string) (roots []field, ok bool) {
	if !f.column.generated || f.Keep || len(f.column.sources) == 0 || slices.Contains(way, f.Name) {
		return nil, false
	}
	for _, name := range f.column.sources {
		i := slices.IndexFunc(t.erased, func(g field) bool { return g.Name == name })
		if i < 0 {
			return nil, false
		}
		if source := t.erased[i]; source.mask.masks() {
			roots = append(roots, source)
			continue
		}
		more, derived := t.roots(t.erased[i], append(way, f.Name))
		if !derived {
			return nil, false
		}
		roots = append(roots, more...)
	}
	return roots, true
}
