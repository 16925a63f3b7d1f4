package dataset_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

func TestAnnotationsThatExistLoadUnchanged(t *testing.T) {
	d, err := dataset.Parse(older(t))
	if err != nil {
		t.Fatal(err)
	}
	edges := []dataset.Edge{
		{From: "customer", FromField: "address_id", To: "address", ToField: "id", Declared: "customer"},
		{From: "orders", FromField: "id", To: "order_item", ToField: "order_id", Declared: "order_item"},
		{From: "customer", FromField: "id", To: "orders", ToField: "customer_id", Declared: "orders"},
	}
	if diff := cmp.Diff(edges, d.Edges()); diff != "" {
		t.Errorf("the references are followed otherwise (-want +got):\n%s", diff)
	}
	name, _ := field(t, d, "customer", "name")
	want := dataset.Field{
		Name: "name", Categories: []string{"user"}, Type: "string", Length: 40,
		Mask: dataset.Mask{Strategy: dataset.Random, Length: 5, Suffix: "@example.com"},
	}
	if diff := cmp.Diff(want, name); diff != "" {
		t.Errorf("the name is read otherwise (-want +got):\n%s", diff)
	}
	if got := d.IdentityColumns("phone"); !cmp.Equal(got, []string{"service_request.email"}) {
		t.Errorf("telephone numbers are in %v", got)
	}
	identity, _ := field(t, d, "service_request", "email")
	if got := identity.Personal(); !cmp.Equal(got, []string{"user.contact.phone_number"}) {
		t.Errorf("an identity without a category of a person has %v", got)
	}
	if len(d.Remarks) != 1 || d.Remarks[0].Reason != dataset.ElsewhereReference {
		t.Errorf("the remarks are %v, want one on the reference to another dataset", d.Remarks)
	}
	for _, part := range []connector.Part{{Collection: "address", Category: "user.contact.address.city"}, {Collection: "orders", Category: "user.unique_id"}} {
		if !slices.Contains(d.Parts(), part) {
			t.Errorf("the parts lack %v", part)
		}
	}
	orders, _ := d.Collection("orders")
	if !cmp.Equal(orders.EraseAfter, []string{"order_item"}) {
		t.Errorf("orders are erased after %v", orders.EraseAfter)
	}
	payload, _ := field(t, d, "service_request", "payload")
	if !payload.Keep {
		t.Error("a field that is read-only is not kept")
	}
}

// fault is a text, and what is wrong with it.
type fault struct {
	text   string
	path   string
	reason dataset.Reason
}

func faults() map[string]fault {
	const head = "dataset:\n- fides_key: d\n  collections:\n"
	const person = "  - name: person\n    fields:\n    - {name: id, data_categories: [user.unique_id]}\n" +
		"    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
	const table = "  - name: t\n    fields:\n"
	return map[string]fault{
		"not YAML":             {"dataset: [", "$", dataset.NotYAML},
		"two documents":        {head + person + "---\na: 1\n", "$", dataset.NotYAML},
		"nothing":              {"", "$", dataset.NotYAML},
		"a list":               {"[1]", "$", dataset.WrongShape},
		"no dataset":           {"{}", "dataset", dataset.Missing},
		"two datasets":         {"dataset: [{fides_key: a}, {fides_key: b}]", "dataset", dataset.TooLarge},
		"an anchor":            {"dataset: &a\n- *a\n", "$", dataset.Anchor},
		"a bomb of aliases":    {bomb(), "$", dataset.Anchor},
		"too many bytes":       {strings.Repeat("#", 500_001), "$", dataset.TooLarge},
		"too deep":             {"dataset: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "$", dataset.WrongShape},
		"an unknown key":       {head + person + "    fide_meta: {}\n", "dataset[0].collections[person].fide_meta", dataset.UnknownKey},
		"a key twice":          {head + person + "    name: again\n", "dataset[0].collections[person].name", dataset.Duplicate},
		"a collection twice":   {head + person + person, "dataset[0].collections[person]", dataset.Duplicate},
		"a field twice":        {head + person + "    - name: id\n", "dataset[0].collections[person].fields[id]", dataset.Duplicate},
		"no fields":            {head + "  - name: t\n", "dataset[0].collections[t].fields", dataset.Missing},
		"no name":              {head + "  - fields: []\n", "dataset[0].collections[0].name", dataset.Missing},
		"a control character":  {head + "  - name: \"a\\u0007\"\n    fields: []\n", "dataset[0].collections[0].name", dataset.BadName},
		"a bad category":       {head + person + "    - {name: x, data_categories: [User Name]}\n", "dataset[0].collections[person].fields[x].data_categories[0]", dataset.BadName},
		"nested fields":        {head + person + "    - {name: x, fields: [{name: y}]}\n", "dataset[0].collections[person].fields[x].fields", dataset.Nested},
		"an object":            {head + person + "    - {name: x, fides_meta: {data_type: object}}\n", "dataset[0].collections[person].fields[x].fides_meta.data_type", dataset.Nested},
		"an unknown type":      {head + person + "    - {name: x, fides_meta: {data_type: colour}}\n", "dataset[0].collections[person].fields[x].fides_meta.data_type", dataset.BadValue},
		"a flag that is none":  {head + person + "    - {name: x, fides_meta: {primary_key: maybe}}\n", "dataset[0].collections[person].fields[x].fides_meta.primary_key", dataset.WrongShape},
		"a linkable mask":      {head + person + "    - {name: x, fides_meta: {masking_strategy_override: {strategy: hash}}}\n", "dataset[0].collections[person].fields[x].fides_meta.masking_strategy_override.strategy", dataset.Linkable},
		"an unknown mask":      {head + person + "    - {name: x, fides_meta: {masking_strategy_override: {strategy: paint}}}\n", "dataset[0].collections[person].fields[x].fides_meta.masking_strategy_override.strategy", dataset.BadValue},
		"a direction":          {head + person + "    - {name: x, fides_meta: {references: [{dataset: d, field: person.id, direction: up}]}}\n", "dataset[0].collections[person].fields[x].fides_meta.references[0].direction", dataset.BadValue},
		"no such field":        {head + person + "    - {name: x, fides_meta: {references: [{dataset: d, field: person.no}]}}\n", "dataset[0].collections[person].fields[x].fides_meta.references", dataset.NoReferent},
		"no such collection":   {head + person + "    - {name: x, fides_meta: {references: [{dataset: d, field: no.id}]}}\n", "dataset[0].collections[person].fields[x].fides_meta.references", dataset.NoReferent},
		"nothing to follow":    {head + person + "    fides_meta: {erase_after: [d.no]}\n", "dataset[0].collections[person].fides_meta.erase_after", dataset.NoReferent},
		"an order in a circle": {head + person + "    fides_meta: {erase_after: [d.person]}\n", "dataset[0].collections[person].fides_meta.erase_after", dataset.Cycle},
		"nobody identified":    {head + table + "    - {name: id, data_categories: [user]}\n", "dataset[0]", dataset.NoIdentity},
		"out of reach":         {head + person + table + "    - {name: id, data_categories: [user]}\n", "dataset[0].collections[t]", dataset.Unreachable},
		"shared and identifying": {
			head + person + "    fides_meta: {habeas: {shared: true}}\n",
			"dataset[0].collections[person]", dataset.SharedIdentity,
		},
		"references in a circle": {
			head + person +
				"    - {name: a, fides_meta: {references: [{dataset: d, field: t.a, direction: to}]}}\n" + table +
				"    - {name: a, fides_meta: {references: [{dataset: d, field: person.a, direction: to}]}}\n",
			"dataset[0].collections[person]", dataset.Cycle,
		},
	}
}

func TestWhatIsWrongIsSaidWithItsPlaceAndReason(t *testing.T) {
	for name, c := range faults() {
		t.Run(name, func(t *testing.T) {
			_, err := dataset.Parse([]byte(c.text))
			var problems dataset.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("it is read, or fails with %v", err)
			}
			if !slices.ContainsFunc(problems, func(p dataset.Problem) bool { return p.Path == c.path && p.Reason == c.reason }) {
				t.Errorf("the problems are %v, want %s at %s", problems, c.reason, c.path)
			}
		})
	}
}

func TestAReferenceWithoutADirectionLeadsAwayFromTheIdentity(t *testing.T) {
	d, err := dataset.Parse([]byte(`
dataset:
- fides_key: d
  collections:
  - name: address
    fields: [{name: id, data_categories: [system.operations]}, {name: street, data_categories: [user.contact.address]}]
  - name: person
    fields:
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: address_id, fides_meta: {references: [{dataset: d, field: address.id}]}}
    - {name: boss, fides_meta: {references: [{dataset: d, field: person.email}]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []dataset.Edge{{From: "person", FromField: "address_id", To: "address", ToField: "id", Declared: "person"}}
	if diff := cmp.Diff(want, d.Edges()); diff != "" {
		t.Errorf("the references are followed otherwise (-want +got):\n%s", diff)
	}
	if got := d.Order(); !cmp.Equal(got, []string{"person", "address"}) {
		t.Errorf("the order is %v", got)
	}
}

func FuzzParseRefusesOrReadsWhatHoldsTogether(f *testing.F) {
	text, err := os.ReadFile("testdata/older.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(bomb()))
	f.Add([]byte("dataset:\n- fides_key: d\n  collections:\n  - name: p\n    fields:\n    - {name: e, fides_meta: {identity: email, references: [{dataset: d, field: p.e, direction: from}]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dataset.Parse(text)
		if err != nil {
			var problems dataset.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("it fails with %v", err)
			}
			return
		}
		place := map[string]int{}
		for i, name := range d.Order() {
			if _, ok := d.Collection(name); !ok {
				t.Fatalf("%q is in the order and nowhere else", name)
			}
			place[name] = i
		}
		for _, e := range d.Edges() {
			if e.From != e.To && place[e.From] >= place[e.To] {
				t.Fatalf("%v does not lead onwards in %v", e, d.Order())
			}
		}
		for _, p := range d.Parts() {
			if !dataset.Personal(p.Category) {
				t.Fatalf("%v is no part of a person", p)
			}
		}
	})
}

func older(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/older.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func field(t *testing.T, d *dataset.Dataset, collection, name string) (dataset.Field, bool) {
	t.Helper()
	c, ok := d.Collection(collection)
	if !ok {
		t.Fatalf("there is no collection %s", collection)
	}
	return c.Field(name)
}

// bomb is a small text that stands for a very large one.
func bomb() string {
	text := "a0: &a0 [x]\n"
	for i := range 9 {
		text += strings.ReplaceAll("aN: &aN [*aP,*aP,*aP,*aP,*aP,*aP,*aP,*aP,*aP]\n", "aN", "b"+string(rune('1'+i)))
		text = strings.ReplaceAll(text, "aP", map[bool]string{true: "a0", false: "b" + string(rune('0'+i))}[i == 0])
	}
	return text + "dataset: *b9\n"
}
