package dataset

import (
	"slices"
	"strings"
)

const (
	// kindAnalytics is the kind of identifiers of analytics.
	kindAnalytics = "analytics"
	// categoryAnalytics is the category of what analytics has seen, with all its parts.
	categoryAnalytics = "analytics"
)

// Analytics reports whether a category is of what analytics has seen: it is held of
// nobody, and no description joins it with a person.
func Analytics(category string) bool {
	return category == categoryAnalytics || strings.HasPrefix(category, categoryAnalytics+".")
}

// analytics reports whether a collection holds what analytics has seen, and names
// whether it, too, holds an identifier of a person. A device's or a cookie's is one:
// somebody who is known leads to it.
func (c Collection) analytics() (seen, person bool) {
	for _, f := range c.Fields {
		seen = seen || f.Identity == kindAnalytics || slices.ContainsFunc(f.Categories, Analytics)
		person = person || f.Identity != "" && f.Identity != kindAnalytics
	}
	return seen, person
}

// unattributable refuses a description by which what analytics has seen could be
// found of a person: in one collection, or by references through collections that
// hold anything of people. A collection that says nothing of anybody, such as a
// list of products, joins nobody.
func (r *reader) unattributable(d *Dataset) {
	group := d.joined()
	people := map[string]bool{}
	for _, c := range d.Collections {
		if _, person := c.analytics(); person {
			people[group(c.Name)] = true
		}
	}
	for _, c := range d.Collections {
		if seen, _ := c.analytics(); seen && people[group(c.Name)] {
			r.problem(nil, "dataset[0].collections["+c.Name+"]", AnalyticsJoined)
		}
	}
}

// joined groups collections that references join, in whichever direction, and
// whether or not they are processed: what is described can be joined.
func (d *Dataset) joined() (group func(name string) string) {
	parent := map[string]string{}
	group = func(name string) string {
		for parent[name] != "" {
			name = parent[name]
		}
		return name
	}
	for _, c := range d.Collections {
		for _, f := range c.Fields {
			for _, ref := range f.References {
				other, _ := d.Collection(ref.Collection)
				a, b := group(c.Name), group(ref.Collection)
				if c.says() && other.says() && a != b {
					parent[a] = b
				}
			}
		}
	}
	return group
}

// says: the collection holds something of somebody.
func (c Collection) says() bool {
	seen, _ := c.analytics()
	return seen || slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Identity != "" || len(f.Personal()) > 0 })
}
