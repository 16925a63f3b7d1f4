package policydoc_test

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

// promised are the ids of docs/promises.md.
func promised(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]{2}-\d\d) \|`).FindAllStringSubmatch(string(text), -1) {
		out = append(out, m[1])
	}
	return out
}

// kept are the promises that a value's rules name.
func kept(v reflect.Value, into map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			kept(v.Elem(), into)
		}
	case reflect.Slice:
		for i := range v.Len() {
			kept(v.Index(i), into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Tag.Get("yaml") {
			case "clause":
				into[v.Field(i).String()] = true
			case "serves":
				for j := range v.Field(i).Len() {
					into[v.Field(i).Index(j).String()] = true
				}
			default:
				kept(v.Field(i), into)
			}
		}
	default: // no rule
	}
}

func TestEveryPromiseIsKeptByARuleOrItIsSaidByWhat(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"} {
		doc, err := policydoc.Parse(read(t, name))
		if err != nil {
			t.Fatal(err)
		}
		rules := map[string]bool{}
		kept(reflect.ValueOf(doc), rules)
		for _, c := range doc.Clauses {
			seen[c.ID] = true
			if c.Heading == "" {
				t.Errorf("%s does not say where the text promises it", c.ID)
			}
			if rules[c.ID] == (c.Elsewhere != "") {
				t.Errorf("%s: kept by a rule %v, elsewhere %q: want one of the two", c.ID, rules[c.ID], c.Elsewhere)
			}
		}
	}
	ids := promised(t)
	if len(ids) != 69 || len(seen) != len(ids) {
		t.Errorf("%d promises, %d clauses", len(ids), len(seen))
	}
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("no policy has a clause %s", id)
		}
	}
}

func TestThePublishedPoliciesSpeakTheWordsOfOthers(t *testing.T) {
	for _, name := range []string{"caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"} {
		doc, err := policydoc.Parse(read(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range doc.Categories {
			if c.Fides == "" || c.DPV == "" {
				t.Errorf("%s: %s is %q in fideslang and %q in the Data Privacy Vocabulary", name, c.ID, c.Fides, c.DPV)
			}
		}
		for _, p := range doc.Purposes {
			if p.DPV == "" {
				t.Errorf("%s: %s has no purpose of the Data Privacy Vocabulary", name, p.ID)
			}
		}
		if doc.Contact == nil || doc.Complaints == nil {
			t.Errorf("%s does not say where questions and complaints go", name)
		}
	}
}
