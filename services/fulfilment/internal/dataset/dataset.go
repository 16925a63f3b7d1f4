// Package dataset reads the description of a data system: a dataset in the
// shape of fideslang, so that annotations which exist already load unchanged.
//
// A dataset names collections (tables), their fields (columns), the category
// of what each field holds, the fields that identify a person, and the
// references by which one collection's rows lead to another's. What the
// description means for finding and erasing rows is told in docs/datasets.md.
package dataset

import (
	"slices"
	"strings"

	"habeas.internal/services/fulfilment/internal/connector"
)

// Dataset describes one data system. It comes from Parse and is not changed.
type Dataset struct {
	// Key is its fides_key.
	Key string
	// Schema is the database schema that holds the collections; empty means
	// the connection's own.
	Schema string
	// Collections are in the order of the description.
	Collections []Collection
	// Remarks say what was read and has no effect here.
	Remarks []Problem

	edges []Edge
	order []string
}

// Collection is one table.
type Collection struct {
	Name   string
	Fields []Field
	// EraseAfter names collections that are erased before this one.
	EraseAfter []string
	// Skip says that the collection is not processed at all.
	Skip bool
	// Shared says that its rows belong to several people: they are shown and
	// counted, never changed.
	Shared bool
	// Keep says that its rows are never changed.
	Keep bool
}

// Field is one column.
type Field struct {
	Name string
	// Categories are its own or, if it has none, its collection's or, failing
	// that, the dataset's.
	Categories []string
	PrimaryKey bool
	// Identity is the kind of identifier that it holds; empty if none.
	Identity   string
	References []Reference
	// Type is the data_type of the description; empty means unstated.
	Type string
	// Length is the most characters that a masked value may have; 0 means
	// unstated.
	Length int
	Mask   Mask
	// Start says that its moment starts retention clocks.
	Start bool
	// Keep says that its value is never changed.
	Keep bool
}

// Direction is the way in which a reference is followed.
type Direction string

// Directions of a reference.
const (
	// Either way: it is followed away from the identities.
	Either Direction = ""
	// From the other field to this one.
	From Direction = "from"
	// To the other field from this one.
	To Direction = "to"
)

// Reference says that a field and one of another collection hold the same
// values.
type Reference struct {
	Collection, Field string
	Direction         Direction
}

// Strategy is a way to mask a value.
type Strategy string

// Strategies that a description may ask for.
const (
	// ByType leaves the choice to the system: null where the column allows it.
	ByType Strategy = ""
	// Null writes NULL.
	Null Strategy = "null_rewrite"
	// Fixed writes the same text everywhere.
	Fixed Strategy = "string_rewrite"
	// Random writes a text that nobody can derive from the value.
	Random Strategy = "random_string_rewrite"
)

// Mask is how a field's values are overwritten.
type Mask struct {
	Strategy Strategy
	Value    string // of Fixed
	Length   int    // of Random
	Suffix   string // of both
}

// Edge is a reference in the direction in which it is followed: rows of To
// whose ToField equals the FromField of a row that was found.
type Edge struct {
	From, FromField string
	To, ToField     string
	// Declared is the collection whose description holds the reference.
	Declared string
}

// Personal says whether a category is of a person. Everything is but system
// data: a category that nobody knows is treated as personal.
func Personal(category string) bool {
	return category != "system" && !strings.HasPrefix(category, "system.")
}

// Personal lists the categories of a person that the field holds.
func (f Field) Personal() []string {
	var personal []string
	for _, category := range f.Categories {
		if Personal(category) {
			personal = append(personal, category)
		}
	}
	return personal
}

// Categories lists what the collection holds of a person, sorted.
func (c Collection) Categories() []string {
	var all []string
	for _, field := range c.Fields {
		all = append(all, field.Personal()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Field finds a field by name.
func (c Collection) Field(name string) (Field, bool) {
	i := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return c.Fields[i], true
}

func (c Collection) identified() bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Identity != "" })
}

// Collection finds a collection by name.
func (d *Dataset) Collection(name string) (Collection, bool) {
	i := slices.IndexFunc(d.Collections, func(c Collection) bool { return c.Name == name })
	if i < 0 {
		return Collection{}, false
	}
	return d.Collections[i], true
}

// Edges are the references that are followed, those of one target together.
func (d *Dataset) Edges() []Edge { return slices.Clone(d.edges) }

// Order lists the collections that rows of a person can be in, each after all
// those from which an edge leads to it.
func (d *Dataset) Order() []string { return slices.Clone(d.order) }

// Parts lists what a system so described can hold of a person, as its connector
// finds it.
func (d *Dataset) Parts() []connector.Part {
	var parts []connector.Part
	for _, name := range d.order {
		c, _ := d.Collection(name)
		for _, category := range c.Categories() {
			parts = append(parts, connector.Part{Collection: name, Category: category})
		}
	}
	return parts
}

// IdentityColumns lists, as "collection.field", what holds identifiers of a
// kind.
func (d *Dataset) IdentityColumns(kind string) []string {
	var columns []string
	for _, c := range d.Collections {
		for _, f := range c.Fields {
			if f.Identity == kind && !c.Skip {
				columns = append(columns, c.Name+"."+f.Name)
			}
		}
	}
	return columns
}
