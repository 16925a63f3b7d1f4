package policydoc_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydoc"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// The schema is written from the types, their comments and the words below:
// HABEAS_WRITE_SCHEMA=1 go test ./internal/policydoc -run TestTheSchema.
const (
	schemaFile  = "published/policy.schema.json"
	schemaWrite = "HABEAS_WRITE_SCHEMA"
)

// words are what may stand under a key, by type and key. The linter has them
// too, and TestTheSchemaAndTheLinterAgree holds one against the other.
func words() map[string][]string {
	sources := []string{"online", "offline", "cookie", "affiliate", "third_party", "observed", "registration"}
	actions := []string{"collect", "access", "use", "preserve", "disclose"}
	rights := []string{
		"access", "portability", "erasure", "rectification", "restriction", "objection", "opt_out",
		"limit", "disclosure_list", "accounting", "complaint", "withdrawal", "unsubscribe",
	}
	return map[string][]string{
		"Document.role": {"controller", "processor"}, "Document.change": {"minor", "significant"},
		"Scope.products": {"all"}, "Versions.binds": {"collected", "accepted"}, "Consent.expressions": {"explicit", "implied"},
		"Beyond.mode": {"closed", "offer"}, "Category.sources": sources, "Category.side": {"person", "device"},
		"End.after":     {"collected", "last_used", "account_closed", "purpose_ended", "delivered", "case_closed", "consent_withdrawn", "contract_ended"},
		"Purpose.basis": {"described", "contract", "opt_in", "opt_out", "legal", "aggregate"}, "Purpose.actions": actions,
		"Purpose.hipaa": {"treatment", "payment", "operations"},
		"Source.source": sources, "Signal.signal": {"gpc", "dnt"}, "Ground.actions": actions, "Complaints.to": {"mail", "web", "letter"},
		"Ground.requires": {"belief", "believed_by", "categories", "recipient", "document", "imminent"},
		"Forbidden.what":  {"sale", "personal_with_address_or_device", "aggregate_of_patients", "client_information", "transfer_without_mechanism"},
		"Right.right":     rights, "Decline.rights": rights, "Clock.right": rights,
	}
}

// patterns are the shapes of other values, by key.
func patterns() map[string]string {
	const period = `^P(\d{1,3}Y)?(\d{1,4}M)?(\d{1,5}D)?$`
	return map[string]string{
		"effective": `^\d{4}-\d{2}-\d{2}$`, "modified": `^\d{4}-\d{2}-\d{2}$`, "text_sha256": "^[0-9a-f]{64}$",
		"period": period, "otherwise": period, "erase": period, "expires": period, "clause": "^[A-Z]{2,8}-[0-9]{1,3}$",
		"justification": "^justifications:[A-Z][A-Za-z]+$", "reminders": period,
		"dpv": "^dpv(-pd)?:[A-Z][A-Za-z]+$", "fides": `^(user|system)(\.[a-z][a-z0-9_]*)*$`,
	}
}

// needed are the keys without which a mapping is none.
func needed() map[string][]string {
	return map[string][]string{
		"Document": {
			"policy", "version", "title", "publisher", "role", "effective", "modified", "text_sha256", "zone", "scope", "versions",
			"consent", "undescribed", "matrix", "decline", "remainder", "categories", "purposes", "clauses",
		},
		"Category": {"id", "title", "sources", "clause"}, "Purpose": {"id", "title", "basis", "categories", "clause"},
		"End": {"after", "period"}, "Promise": {"id", "says"}, "Clause": {"clause"}, "Right": {"right", "clause"},
		"Retention": {"rule", "category", "period", "ground", "authority"}, "Clock": {"right", "period", "clause"},
		"Approval": {"controller", "period", "clause"},
	}
}

// comments are what the types say of their fields, by type and field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range file.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		out[spec.Name.Name] = line(gen.Doc.Text())
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			out[spec.Name.Name+"."+f.Names[0].Name] = line(f.Doc.Text() + f.Comment.Text())
		}
	}
	return out
}

func line(s string) string { return strings.Join(strings.Fields(s), " ") }

type object = map[string]any

// schema describes a type.
func schema(t reflect.Type, at, key string, said map[string]string) object {
	switch t.Kind() {
	case reflect.Pointer:
		return schema(t.Elem(), at, key, said)
	case reflect.Slice:
		return object{"type": "array", "items": schema(t.Elem(), at, key, said)}
	case reflect.Struct:
		properties := object{}
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("yaml")
			s := schema(f.Type, t.Name()+"."+name, name, said)
			if text := said[t.Name()+"."+f.Name]; text != "" {
				s["description"] = text
			}
			properties[name] = s
		}
		out := object{"type": "object", "additionalProperties": false, "properties": properties, "description": said[t.Name()]}
		if keys := needed()[t.Name()]; len(keys) > 0 {
			out["required"] = keys
		}
		return out
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": 0}
	default:
		out := object{"type": "string"}
		if w := words()[at]; len(w) > 0 {
			out["enum"] = w
		} else if p := patterns()[key]; p != "" {
			out["pattern"] = p
		}
		return out
	}
}

func TestTheSchemaIsThatOfTheTypes(t *testing.T) {
	doc := schema(reflect.TypeFor[policydoc.Document](), "", "", comments(t))
	doc["$schema"], doc["title"] = "https://json-schema.org/draft/2020-12/schema", "A privacy policy as data"
	want, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if os.Getenv(schemaWrite) != "" {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say (%v); write it with %s=1", schemaFile, err, schemaWrite)
	}
}

// validator holds documents against the schema as an editor does.
func validator(t *testing.T) func(document []byte) error {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return func(document []byte) error {
		var v any
		if err := yaml.Unmarshal(document, &v); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(dated(v))
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(instance)
	}
}

// dated writes the days of a document as an editor reads them: as text.
func dated(v any) any {
	if m, ok := v.(map[string]any); ok {
		for _, key := range []string{"effective", "modified"} {
			if at, ok := m[key].(interface{ Format(layout string) string }); ok {
				m[key] = at.Format("2006-01-02")
			}
		}
	}
	return v
}

func TestThePublishedPoliciesKeepTheSchemaAndNameIt(t *testing.T) {
	validate := validator(t)
	for _, name := range []string{"caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"} {
		text := read(t, name)
		if err := validate(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(text, []byte("# yaml-language-server: $schema=policy.schema.json\n")) {
			t.Errorf("%s does not name the schema", name)
		}
	}
}

func TestTheSchemaAndTheLinterAgree(t *testing.T) {
	validate := validator(t)
	good := string(read(t, "qcera.yaml"))
	for _, c := range [][2]string{
		{"basis: opt_in", "basis: hope"},
		{"role: processor", "role: helper"},
		{"sources: [online, registration]", "sources: [online, registry]"},
		{"after: last_used", "after: a while"},
		{"period: P2Y", "period: two years"},
		{"version: 1", "version: one"},
		{"publisher: Qcera, Inc.", "publisher: Qcera, Inc.\nexceptions: all"},
		{"{signal: gpc,", "{signal: gps,"},
		{"{what: sale,", "{what: sell,"},
		{"requires: [belief,", "requires: [hope,"},
		{"{right: access,", "{right: excess,"},
		{"dpv: dpv-pd:Name", "dpv: name"},
		{"fides: user.name", "fides: username"},
		{"modified: 2013-05-16\n", ""},
		{"text_sha256: 5e12", "text_sha256: zz12"},
	} {
		changed := []byte(strings.Replace(good, c[0], c[1], 1))
		if string(changed) == good {
			t.Fatalf("the document holds no %q", c[0])
		}
		if _, err := policydoc.Parse(changed); err == nil {
			t.Errorf("%s: the linter finds nothing", c[1])
		}
		if err := validate(changed); err == nil {
			t.Errorf("%s: the schema finds nothing", c[1])
		}
	}
	for at, list := range words() {
		for _, word := range list {
			if word != strings.ToLower(word) || word == "" {
				t.Errorf("%s has %q", at, word)
			}
		}
	}
}
