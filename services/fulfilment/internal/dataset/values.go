package dataset

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// mapped is a mapping whose keys were checked.
type mapped struct {
	node   *yaml.Node
	path   string
	values map[string]*yaml.Node
}

func (m mapped) get(key string) *yaml.Node { return m.values[key] }

func (m mapped) need(r *reader, key string) *yaml.Node {
	if n := m.values[key]; n != nil {
		return n
	}
	r.problem(m.node, m.path+"."+key, Missing)
	return nil
}

func (r *reader) mapping(n *yaml.Node, path string, known []string) mapped {
	m := mapped{node: n, path: path, values: map[string]*yaml.Node{}}
	if n == nil || isNull(n) {
		return m
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n, path, WrongShape)
		return m
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			r.problem(key, path+"."+shown(key.Value), UnknownKey)
		case m.values[key.Value] != nil:
			r.problem(key, path+"."+key.Value, Duplicate)
		default:
			m.values[key.Value] = n.Content[i+1]
		}
	}
	return m
}

// meta reads fides_meta or, where it is absent, its older name.
func (r *reader) meta(m mapped, path string, known []string) mapped {
	n := m.get("fides_meta")
	if n == nil || isNull(n) {
		n = m.get("fidesops_meta")
	}
	return r.mapping(n, path+".fides_meta", known)
}

func (r *reader) list(n *yaml.Node, path string, most int) []*yaml.Node {
	switch {
	case n == nil || isNull(n):
		return nil
	case n.Kind != yaml.SequenceNode:
		r.problem(n, path, WrongShape)
		return nil
	case len(n.Content) > most:
		r.problem(n, path, TooLarge)
		return nil
	}
	return n.Content
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func (r *reader) text(n *yaml.Node, path string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!binary" {
		r.problem(n, path, WrongShape)
		return ""
	}
	return n.Value
}

// name reads the name of a collection or column.
func (r *reader) name(n *yaml.Node, path string) string {
	name := r.text(n, path)
	if n != nil && !printable(name) {
		r.problem(n, path, BadName)
		return ""
	}
	return name
}

func printable(name string) bool {
	return name != "" && len(name) <= mostName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
}

// shown is a text of the description, fit for a message.
func shown(text string) string {
	if !printable(text) {
		return "?"
	}
	return text
}

// at is the path of a list's item: by its name where it has one.
func at(path string, n *yaml.Node, i int) string {
	if n != nil && n.Kind == yaml.MappingNode {
		for k := 0; k+1 < len(n.Content); k += 2 {
			if n.Content[k].Value == "name" && printable(n.Content[k+1].Value) {
				return path + "[" + n.Content[k+1].Value + "]"
			}
		}
	}
	return path + "[" + strconv.Itoa(i) + "]"
}

func (r *reader) key(n *yaml.Node, path string) string {
	key := r.text(n, path)
	if n != nil && !r.keys.MatchString(key) {
		r.problem(n, path, BadName)
		return ""
	}
	return key
}

func (r *reader) categoriesIn(n *yaml.Node, path string) []string {
	var categories []string
	for i, item := range r.list(n, path, mostItems) {
		category := r.text(item, at(path, nil, i))
		switch {
		case !r.categories.MatchString(category):
			r.problem(item, at(path, nil, i), BadName)
		case !slices.Contains(categories, category):
			categories = append(categories, category)
		}
	}
	return categories
}

func (r *reader) flag(n *yaml.Node, path string) bool {
	if n == nil || isNull(n) {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.problem(n, path, WrongShape)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

func (r *reader) length(n *yaml.Node, path string) int {
	if n == nil || isNull(n) {
		return 0
	}
	length, err := strconv.Atoi(r.text(n, path))
	if err != nil || length < 1 || length > 1_000_000 {
		r.problem(n, path, BadValue)
		return 0
	}
	return length
}

func (r *reader) dataType(n *yaml.Node, path string) string {
	if n == nil || isNull(n) {
		return ""
	}
	name := r.text(n, path)
	switch strings.TrimSuffix(name, "[]") {
	case "string", "integer", "float", "boolean", "object_id":
		return name
	case "object":
		r.problem(n, path, Nested)
	default:
		r.problem(n, path, BadValue)
	}
	return ""
}

// within reads "dataset.collection" and returns the collection.
func (r *reader) within(d *Dataset, n *yaml.Node, path string) (string, bool) {
	text := r.text(n, path)
	name, ok := strings.CutPrefix(text, d.Key+".")
	if !ok {
		d.Remarks = append(d.Remarks, Problem{Path: path, Line: n.Line, Reason: ElsewhereReference})
	}
	return name, ok
}

func (r *reader) reference(d *Dataset, n *yaml.Node, path string) (Reference, bool) {
	m := r.mapping(n, path, []string{"dataset", "field", "direction"})
	owner := r.key(m.need(r, "dataset"), path+".dataset")
	field := r.text(m.need(r, "field"), path+".field")
	direction := Either
	if n := m.get("direction"); n != nil && !isNull(n) {
		direction = Direction(r.text(n, path+".direction"))
		if direction != From && direction != To {
			r.problem(n, path+".direction", BadValue)
			return Reference{}, false
		}
	}
	if owner != d.Key {
		d.Remarks = append(d.Remarks, Problem{Path: path, Line: n.Line, Reason: ElsewhereReference})
		return Reference{}, false
	}
	collection, name, ok := strings.Cut(field, ".")
	if !ok {
		r.problem(n, path+".field", NoReferent)
		return Reference{}, false
	}
	return Reference{Collection: collection, Field: name, Direction: direction}, true
}

// deletes reads the one override that fideslang allows on a collection. To
// delete is what is done wherever nothing has to stay, so it says nothing new.
func (r *reader) deletes(n *yaml.Node, path string) {
	m := r.mapping(n, path, []string{"strategy", "configuration"})
	if r.text(m.need(r, "strategy"), path+".strategy") != "delete" {
		r.problem(n, path+".strategy", BadValue)
	}
}

func (r *reader) mask(n *yaml.Node, path string) Mask {
	if n == nil || isNull(n) {
		return Mask{}
	}
	m := r.mapping(n, path, []string{"strategy", "configuration"})
	mask := Mask{Strategy: Strategy(r.text(m.need(r, "strategy"), path+".strategy"))}
	config := path + ".configuration"
	c := r.mapping(m.get("configuration"), config, []string{"rewrite_value", "length", "format_preservation"})
	if keep := c.get("format_preservation"); keep != nil {
		format := r.mapping(keep, config+".format_preservation", []string{"suffix"})
		mask.Suffix = r.text(format.get("suffix"), config+".format_preservation.suffix")
	}
	switch mask.Strategy {
	case Null:
	case Fixed:
		mask.Value = r.text(c.need(r, "rewrite_value"), config+".rewrite_value")
	case Random:
		mask.Length = r.length(c.get("length"), config+".length")
	case "hash", "hmac", "aes_encrypt":
		r.problem(n, path+".strategy", Linkable)
	default:
		r.problem(n, path+".strategy", BadValue)
	}
	return mask
}
