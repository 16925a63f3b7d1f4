package dataset

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Limits of a description.
const (
	mostBytes       = 500_000
	mostCollections = 2_000
	mostFields      = 2_000 // of one collection
	mostItems       = 200   // of any other list
	mostName        = 128
	mostProblems    = 100
	mostDepth       = 30
)

// keyShape is what fideslang allows in a key.
func keyShape() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_.<>-]{1,200}$`) }

// categoryShape is how every service writes a category.
func categoryShape() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_.]{0,126}$`) }

// Parse reads a description. The error, if any, is a Problems.
func Parse(text []byte) (*Dataset, error) {
	r := &reader{keys: keyShape(), categories: categoryShape()}
	root, ok := r.document(text)
	if !ok {
		return nil, r.problems
	}
	d := r.root(root)
	if d != nil && len(r.problems) == 0 {
		r.check(d)
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return d, nil
}

// reader collects problems while it reads.
type reader struct {
	keys, categories *regexp.Regexp
	problems         Problems
}

func (r *reader) problem(n *yaml.Node, path string, reason Reason) {
	if len(r.problems) >= mostProblems {
		return
	}
	line := 0
	if n != nil {
		line = n.Line
	}
	r.problems = append(r.problems, Problem{Path: path, Line: line, Reason: reason})
}

// document reads the one document of a text and refuses what would let a small
// text stand for a large one.
func (r *reader) document(text []byte) (*yaml.Node, bool) {
	if len(text) > mostBytes {
		r.problem(nil, "$", TooLarge)
		return nil, false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil || len(doc.Content) != 1 {
		r.problem(nil, "$", NotYAML)
		return nil, false
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		r.problem(nil, "$", NotYAML)
		return nil, false
	}
	if bad, reason := plain(&doc, 0); bad != nil {
		r.problem(bad, "$", reason)
		return nil, false
	}
	return doc.Content[0], true
}

// plain finds the first node that is not plain data.
func plain(n *yaml.Node, depth int) (*yaml.Node, Reason) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n, Anchor
	}
	if depth > mostDepth {
		return n, WrongShape
	}
	for _, child := range n.Content {
		if bad, reason := plain(child, depth+1); bad != nil {
			return bad, reason
		}
	}
	return nil, ""
}

func (r *reader) root(n *yaml.Node) *Dataset {
	top := r.mapping(n, "$", keysOfFile())
	list := r.list(top.get("dataset"), "dataset", 1)
	if len(list) != 1 {
		if top.get("dataset") == nil {
			r.problem(n, "dataset", Missing)
		} else {
			r.problem(n, "dataset", WrongShape)
		}
		return nil
	}
	return r.dataset(list[0], "dataset[0]")
}

func (r *reader) dataset(n *yaml.Node, path string) *Dataset {
	m := r.mapping(n, path, keysOfDataset())
	d := &Dataset{Key: r.key(m.need(r, "fides_key"), path+".fides_key")}
	categories := r.categoriesIn(m.get("data_categories"), path+".data_categories")
	meta := r.meta(m, path, keysOfDatasetMeta())
	if namespace := meta.get("namespace"); namespace != nil {
		names := r.mapping(namespace, path+".fides_meta.namespace", keysOfNamespace())
		if schema := names.get("schema"); schema != nil {
			d.Schema = r.name(schema, path+".fides_meta.namespace.schema")
		}
	}
	list := r.list(m.need(r, "collections"), path+".collections", mostCollections)
	for i, item := range list {
		d.Collections = append(d.Collections, r.collection(d, item, at(path+".collections", item, i), categories))
	}
	return d
}

func (r *reader) collection(d *Dataset, n *yaml.Node, path string, inherited []string) Collection {
	m := r.mapping(n, path, keysOfCollection())
	c := Collection{Name: r.name(m.need(r, "name"), path+".name")}
	if own := r.categoriesIn(m.get("data_categories"), path+".data_categories"); len(own) > 0 {
		inherited = own
	}
	meta := r.meta(m, path, keysOfCollectionMeta())
	c.Skip = r.flag(meta.get("skip_processing"), path+".fides_meta.skip_processing")
	after := path + ".fides_meta.erase_after"
	for i, item := range r.list(meta.get("erase_after"), after, mostItems) {
		if name, ok := r.within(d, item, at(after, nil, i)); ok {
			c.EraseAfter = append(c.EraseAfter, name)
		}
	}
	if mask := meta.get("masking_strategy_override"); mask != nil {
		r.deletes(mask, path+".fides_meta.masking_strategy_override")
	}
	own := r.own(meta, path, "shared", "keep")
	c.Shared, c.Keep = own["shared"], own["keep"]
	for i, item := range r.list(m.need(r, "fields"), path+".fields", mostFields) {
		c.Fields = append(c.Fields, r.field(d, item, at(path+".fields", item, i), inherited))
	}
	return c
}

// own reads what Habeas adds to a meta: flags under "habeas".
func (r *reader) own(meta mapped, path string, known ...string) map[string]bool {
	flags := map[string]bool{}
	n := meta.get("habeas")
	if n == nil {
		return flags
	}
	m := r.mapping(n, path+".fides_meta.habeas", known)
	for _, key := range known {
		flags[key] = r.flag(m.get(key), path+".fides_meta.habeas."+key)
	}
	return flags
}

func (r *reader) field(d *Dataset, n *yaml.Node, path string, inherited []string) Field {
	m := r.mapping(n, path, keysOfField())
	f := Field{Name: r.name(m.need(r, "name"), path+".name"), Categories: inherited}
	if own := r.categoriesIn(m.get("data_categories"), path+".data_categories"); len(own) > 0 {
		f.Categories = own
	}
	if nested := m.get("fields"); nested != nil && !isNull(nested) {
		r.problem(nested, path+".fields", Nested)
	}
	meta := r.meta(m, path, keysOfFieldMeta())
	path += ".fides_meta"
	f.PrimaryKey = r.flag(meta.get("primary_key"), path+".primary_key")
	if identity := meta.get("identity"); identity != nil && !isNull(identity) {
		f.Identity = kind(r.key(identity, path+".identity"))
		if len(f.Personal()) == 0 { // whatever identifies a person is of a person
			f.Categories = append([]string{categoryOf(f.Identity)}, f.Categories...)
		}
	}
	f.Type = r.dataType(meta.get("data_type"), path+".data_type")
	f.Length = r.length(meta.get("length"), path+".length")
	for i, item := range r.list(meta.get("references"), path+".references", mostItems) {
		if reference, ok := r.reference(d, item, at(path+".references", nil, i)); ok {
			f.References = append(f.References, reference)
		}
	}
	f.Mask = r.mask(meta.get("masking_strategy_override"), path+".masking_strategy_override")
	own := r.own(meta, path, "start", "keep")
	f.Start = own["start"]
	f.Keep = own["keep"] || r.flag(meta.get("read_only"), path+".read_only")
	return f
}

// kind translates fides' names of identities into those of this project; names
// that it does not know stay what they are.
func kind(identity string) string {
	switch identity {
	case "phone_number":
		return "phone"
	case "fides_user_device_id":
		return "device"
	case "ga_client_id":
		return kindAnalytics
	case "ljt_readerID":
		return "cookie"
	case "external_id", "user_id":
		return "account"
	default:
		return identity
	}
}

// categoryOf is the category of an identifier that was given none of a person.
func categoryOf(kind string) string {
	switch kind {
	case "email":
		return "user.contact.email"
	case "phone":
		return "user.contact.phone_number"
	case "device":
		return "user.device"
	case "cookie":
		return "user.device.cookie_id"
	case kindAnalytics:
		return categoryAnalytics + ".id"
	default:
		return "user.unique_id"
	}
}
