package sqlsystem

import (
	"fmt"
	"slices"
	"strings"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

// compare holds a dataset against a catalogue: everything that it names must
// exist and be usable. Remarks are names, never values.
func compare(d *dataset.Dataset, c *catalogue) (remarks []string, err error) {
	for _, problem := range d.Remarks {
		remarks = append(remarks, problem.String())
	}
	var wrong connector.Mismatch
	for _, collection := range d.Collections {
		if collection.Skip {
			continue
		}
		t, ok := c.tables[collection.Name]
		if !ok {
			wrong = append(wrong, connector.Place{Path: collection.Name, Text: "no table " + collection.Name})
			continue
		}
		wrong = append(wrong, t.compare(collection)...)
		for _, col := range t.columns {
			if _, ok := collection.Field(col.name); !ok {
				remarks = append(remarks, fmt.Sprintf("column %s.%s is not described", t.name, col.name))
			}
		}
		for _, trigger := range t.triggers {
			remarks = append(remarks, fmt.Sprintf("table %s has the trigger %s, which runs at an erasure", t.name, trigger))
		}
	}
	remarks = append(remarks, undescribed(d, c)...)
	if c.blind {
		remarks = append(remarks, "the account has no right to read other databases: their foreign keys, and what these would delete, are not seen")
	}
	if len(wrong) > 0 {
		return remarks, failed("compare with dataset", wrong, "")
	}
	return remarks, nil
}

func (t *relation) compare(c dataset.Collection) connector.Mismatch {
	var wrong connector.Mismatch
	if len(t.key()) == 0 {
		wrong = append(wrong, connector.Place{Path: t.name, Text: "no key in table " + t.name})
	}
	for _, f := range c.Fields {
		name := t.name + "." + f.Name
		if text := t.unlike(f); text != "" {
			wrong = append(wrong, connector.Place{Path: name, Text: strings.Replace(text, "%", "column "+name, 1)})
		}
	}
	return wrong
}

// unlike says how a column is not as a field says, with % for it; nothing if it
// is.
func (t *relation) unlike(f dataset.Field) string {
	col, ok := t.column(f.Name)
	switch {
	case !ok:
		return "no %"
	case !fits(f.Type, col.class):
		return "% is not of type " + f.Type
	case f.PrimaryKey && !slices.Contains(t.key(), f.Name):
		return "% is not in the key"
	case f.Start && col.class != classTime:
		return "% holds no time"
	case f.Identity != "" && !slices.Contains([]class{classText, classInt, classUUID}, col.class):
		return "% can hold no identifier"
	case col.length > 0 && f.Mask.Strategy == dataset.Fixed && len(f.Mask.Value+f.Mask.Suffix) > col.length:
		return "% has no room for its mask"
	case f.Mask.Strategy == dataset.Fixed && col.unique:
		return "% is unique, and its mask is the same in every row"
	case f.Mask.Strategy == dataset.Null && !col.nullable:
		return "% can't be null, as its mask is"
	case f.Mask.Strategy != dataset.ByType && f.Mask.Strategy != dataset.Null && col.class != classText:
		return "% holds no text, as its mask is"
	}
	return ""
}

// fits says whether a stated type can be that of a column.
func fits(stated string, c class) bool {
	switch stated {
	case "string":
		return c != classInt && c != classFloat && c != classBool
	case "integer":
		return c == classInt || c == classDecimal || c == classTime
	case "float":
		return c == classFloat || c == classDecimal
	case "boolean":
		return c == classBool || c == classInt
	default: // unstated, or arrays and object ids, which each database has its own types for
		return true
	}
}

// undescribed remarks on tables that refer to a described one and are not
// described, or not shown as a whole: they may hold more of the same people.
func undescribed(d *dataset.Dataset, c *catalogue) []string {
	var remarks []string
	for _, k := range c.keys {
		target, described := d.Collection(k.target)
		if _, ok := d.Collection(k.table); (!ok || k.schema != "") && described && len(target.Categories()) > 0 {
			remarks = append(remarks, fmt.Sprintf("table %s refers to %s and is not described", k.called(), k.target))
		}
	}
	for _, name := range c.partial {
		_, described := d.Collection(name)
		if described || slices.ContainsFunc(c.keys, func(k foreignKey) bool {
			_, described := d.Collection(k.target)
			return described && k.called() == name
		}) {
			remarks = append(remarks, fmt.Sprintf("table %s shows the account some of its rows only, by row security: others are neither found nor heeded", name))
		}
	}
	slices.Sort(remarks)
	return slices.Compact(remarks)
}

// check looks at what only the plan shows.
func (p *plan) check(c *catalogue) (remarks []string, err error) {
	var wrong connector.Mismatch
	for _, t := range p.order {
		for _, e := range slices.Concat(t.down, t.up, t.self) {
			from, _ := p.tables[e.From].column(e.FromField)
			to, _ := t.column(e.ToField)
			if family(from.class) != family(to.class) {
				wrong = append(wrong, connector.Place{
					Path: e.From + "." + e.FromField,
					Text: fmt.Sprintf("%s.%s and %s.%s are of different types", e.From, e.FromField, e.To, e.ToField),
				})
			}
		}
		remarks = append(remarks, t.mixing()...)
		for _, f := range t.fields {
			if f.mask.way == maskImpossible && len(f.Personal()) > 0 {
				remarks = append(remarks, fmt.Sprintf("column %s.%s can't be masked: rows that must stay can't be erased", t.name, f.Name))
			}
			if f.Identity == "email" && !f.column.folds && !slices.ContainsFunc(c.folded[t.name], func(definition string) bool {
				return strings.Contains(definition, f.Name)
			}) {
				remarks = append(remarks, fmt.Sprintf("column %s.%s has no index on its lower-case form: to find a person reads the whole table", t.name, f.Name))
			}
		}
	}
	if len(wrong) > 0 {
		return remarks, failed("compare with dataset", wrong, "")
	}
	return remarks, nil
}

// family groups classes whose values a database compares without being told how.
func family(c class) class {
	switch c {
	case classInt, classFloat, classDecimal:
		return classInt
	case classText, classEnum:
		return classText
	default:
		return c
	}
}
