// Package policydifftest makes versions of policies that differ at random, for
// tests that hold every change against a rule.
package policydifftest

import (
	"io/fs"
	"reflect"
	"strconv"
	"strings"

	"habeas.internal/services/internal/policydoc"

	"pgregory.net/rapid"
)

// Published draws one of the policies that come with Habeas.
func Published(t *rapid.T) policydoc.Document {
	name := rapid.SampledFrom([]string{"caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"}).Draw(t, "policy")
	text, err := fs.ReadFile(policydoc.Published(), name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := policydoc.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Changed draws a document that differs from another in up to so many places.
// It need not keep the rules of policies.
func Changed(t *rapid.T, doc policydoc.Document, most int) policydoc.Document {
	out := reflect.New(reflect.TypeFor[policydoc.Document]()).Elem()
	out.Set(clone(reflect.ValueOf(doc)))
	for range rapid.IntRange(1, most).Draw(t, "changes") {
		var places []place
		walk("", out, &places)
		p := rapid.SampledFrom(places).Draw(t, "place")
		p.change(t, out)
	}
	return out.Interface().(policydoc.Document)
}

// place is a value that can be changed, with the key under which it stands.
type place struct {
	path string
	at   reflect.Value
}

// walk lists the values that a person is protected or exposed by.
func walk(path string, v reflect.Value, into *[]place) {
	key := path[strings.LastIndexByte(path, '.')+1:]
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			walk(path+"."+v.Type().Field(i).Tag.Get("yaml"), v.Field(i), into)
		}
	case reflect.Slice:
		*into = append(*into, place{path, v})
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Struct {
				walk(path+"["+strconv.Itoa(i)+"]", v.Index(i), into)
			}
		}
	case reflect.Pointer:
		*into = append(*into, place{path, v})
		if !v.IsNil() {
			walk(path, v.Elem(), into)
		}
	case reflect.String:
		if len(words(key)) > 0 {
			*into = append(*into, place{path, v})
		}
	default:
		*into = append(*into, place{path, v})
	}
}

// words are what may stand under a key.
func words(key string) []string {
	switch key {
	case "basis":
		return []string{"described", "contract", "opt_in", "opt_out", "legal", "aggregate"}
	case "mode":
		return []string{"closed", "offer"}
	case "period", "erase":
		return []string{"P10D", "P30D", "P60D", "P1Y", "P2Y", "P3Y", "P7Y"}
	case "after":
		return []string{"collected", "last_used", "account_closed", "case_closed"}
	case "side":
		return []string{"person", "device", ""}
	case "sources", "source":
		return []string{"online", "offline", "cookie", "observed", "registration"}
	case "actions":
		return []string{"collect", "access", "use", "preserve", "disclose"}
	case "channels":
		return []string{"email", "post"}
	case "requires":
		return []string{"belief", "believed_by", "document", "imminent"}
	case "undertakings":
		return []string{"confidentiality", "security", "instructions", "task_only"}
	case "allowed":
		return []string{"us", "de", "fr"}
	case "exempt":
		return []string{"successor", "hosting", "law"}
	case "expressions":
		return []string{"explicit", "implied"}
	case "rules":
		return []string{"gdpr", "ccpa", "coppa", "hipaa"}
	case "publisher", "authority", "asked_for":
		return []string{"one", "another", "a third"}
	}
	return nil
}

func (p place) change(t *rapid.T, doc reflect.Value) {
	key := p.path[strings.LastIndexByte(p.path, '.')+1:]
	switch p.at.Kind() {
	case reflect.Bool:
		p.at.SetBool(!p.at.Bool())
	case reflect.Int:
		p.at.SetInt(rapid.Int64Range(1, 20).Draw(t, key))
	case reflect.String:
		p.at.SetString(rapid.SampledFrom(words(key)).Draw(t, key))
	case reflect.Pointer:
		if p.at.IsNil() {
			p.at.Set(reflect.New(p.at.Type().Elem()))
			if e := p.at.Elem(); e.Kind() == reflect.Struct && e.FieldByName("Clause").IsValid() {
				e.FieldByName("Clause").SetString("AA-1") // a rule that names no promise is none
			}
		} else {
			p.at.SetZero()
		}
	case reflect.Slice:
		p.list(t, key, doc)
	default:
		t.Fatalf("no change for %s", p.path)
	}
}

// list takes something away, or adds something that was not there.
func (p place) list(t *rapid.T, key string, doc reflect.Value) {
	n := p.at.Len()
	if n > 0 && rapid.Bool().Draw(t, "less") {
		i := rapid.IntRange(0, n-1).Draw(t, "item")
		p.at.Set(reflect.AppendSlice(p.at.Slice3(0, i, i), p.at.Slice(i+1, n)))
		return
	}
	if p.at.Type().Elem().Kind() == reflect.String {
		pool := words(key)
		if key == "categories" || key == "purposes" || key == "collected_for" {
			pool = ids(doc, map[bool]string{true: "Categories", false: "Purposes"}[key == "categories"])
		}
		if len(pool) == 0 {
			return
		}
		word := reflect.ValueOf(rapid.SampledFrom(pool).Draw(t, key))
		for i := range n {
			if p.at.Index(i).Equal(word) {
				return
			}
		}
		p.at.Set(reflect.Append(p.at.Slice3(0, n, n), word))
		return
	}
	if n == 0 {
		return
	}
	added := reflect.New(p.at.Type().Elem()).Elem()
	added.Set(clone(p.at.Index(rapid.IntRange(0, n-1).Draw(t, "like"))))
	id := added.Field(0)
	id.SetString(id.String() + "." + strconv.Itoa(rapid.IntRange(1000, 1_000_000).Draw(t, "id")))
	p.at.Set(reflect.Append(p.at.Slice3(0, n, n), added))
}

func ids(doc reflect.Value, list string) []string {
	var out []string
	items := doc.FieldByName(list)
	for i := range items.Len() {
		out = append(out, items.Index(i).Field(0).String())
	}
	return out
}

// clone copies a value with everything below it.
func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(clone(v.Field(i)))
		}
	case reflect.Slice:
		if v.IsNil() {
			return out
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(clone(v.Index(i)))
		}
	case reflect.Pointer:
		if v.IsNil() {
			return out
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(clone(v.Elem()))
	default: // copied whole
	}
	return out
}
