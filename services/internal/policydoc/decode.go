package policydoc

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Document from a syntax tree and notes what doesn't fit.
type decoder struct {
	problems Problems
}

func (d *decoder) fail(n *yaml.Node, path, code, text string) {
	d.problems = append(d.problems, Problem{Path: path, Line: n.Line, Column: n.Column, Code: code, Text: text})
}

// value fills v from n, whatever kinds they are.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.sequence(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, CodeKind, "must be a mapping")
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		at := join(path, safe(key.Value))
		index, known := fields[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag != "!!str" || !known:
			d.fail(key, at, CodeUnknownKey, "is no key here; take it out or correct its spelling")
		case seen[key.Value]:
			d.fail(key, at, CodeDuplicateKey, "stands here twice")
		default:
			seen[key.Value] = true
			d.value(child, at, v.Field(index))
		}
	}
}

func fieldsOf(t reflect.Type) map[string]int {
	out := map[string]int{}
	for i := range t.NumField() {
		out[t.Field(i).Tag.Get("yaml")] = i
	}
	return out
}

func (d *decoder) sequence(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, CodeKind, "must be a list")
		return
	}
	if len(n.Content) > maxItems {
		d.fail(n, path, CodeTooLarge, "has too many items")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		d.value(child, path+"["+strconv.Itoa(i)+"]", out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, CodeKind, "must be a single value")
		return
	}
	if len(n.Value) > maxText {
		d.fail(n, path, CodeTooLarge, "is too long")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.fail(n, path, CodeKind, "must be true or false")
		}
		v.SetBool(n.Value == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(n.Value, 10, 32)
		if err != nil || n.Tag != "!!int" {
			d.fail(n, path, CodeKind, "must be a whole number")
		}
		v.SetInt(i)
	default:
		if n.Tag != "!!str" && n.Tag != "!!timestamp" {
			d.fail(n, path, CodeKind, "must be text; put it in quotes")
		}
		v.SetString(n.Value)
	}
}

// walk refuses what no policy needs and a reader could be led astray by:
// anchors, aliases, tags, depth, masses of nodes.
func (d *decoder) walk(n *yaml.Node, path string, depth int, budget *int) {
	*budget--
	switch {
	case *budget < 0:
		if *budget == -1 {
			d.fail(n, path, CodeTooLarge, "the document has too many values")
		}
		return
	case depth > maxDepth:
		d.fail(n, path, CodeTooLarge, "is nested too deeply")
		return
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, path, CodeAlias, "anchors and aliases are not allowed")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, path, CodeKind, "tags are not allowed")
		return
	}
	for i, child := range n.Content {
		at := path
		switch {
		case n.Kind == yaml.SequenceNode:
			at = fmt.Sprintf("%s[%d]", path, i)
		case n.Kind == yaml.MappingNode && i%2 == 1:
			at = join(path, safe(n.Content[i-1].Value))
		}
		d.walk(child, at, depth+1, budget)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// safe is a key as a path may show it: a caller's text can't bring anything
// else than a short word into an answer.
func safe(key string) string {
	if key == "" || len(key) > maxKey || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "?"
	}
	return key
}
