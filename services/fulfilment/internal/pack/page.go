package pack

import (
	"archive/zip"
	"context"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"habeas.internal/services/fulfilment/internal/connector"
)

// page is the template of the page that a person reads, in pieces that are
// written one after the other. html/template escapes whatever it is given.
const page = `
{{define "head"}}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{with .Heading.Title}}{{.}}{{else}}Your data{{end}}</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3em .6em; border-bottom: 1px solid #ccc; vertical-align: top; }
td { white-space: pre-wrap; overflow-wrap: anywhere; }
th small { display: block; font-weight: normal; color: #555; }
.wide { overflow-x: auto; }
@media print {
  body { font-size: 10pt; max-width: none; margin: 0; padding: 0; }
  .wide { overflow: visible; }
  thead { display: table-header-group; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
}
</style>
</head>
<body>
<h1>{{with .Heading.Title}}{{.}}{{else}}Your data{{end}}</h1>
<p>This is the answer to your request <code>{{.Request}}</code>. It was made on {{.Made}}{{if not .Heading.Says}} and holds what our systems
hold about you{{end}}. {{with .Heading.Says}}{{.}} {{end}}It can be fetched until {{.Expires}}; after that it is destroyed.</p>
<p>Each collection is shown below and comes as two files: as JSON, for machines, and as CSV, for a spreadsheet. A
quotation mark before a value in a CSV file keeps spreadsheets from running it.</p>
{{with .Cards}}<p>{{.}} that may be numbers of payment cards are shown by their last four digits alone; the other digits are
asterisks. We don't send full card numbers to anybody.</p>
{{end}}{{end}}

{{define "system"}}
{{if not .Heading.Title}}<h2>{{.System}}</h2>
{{end}}{{with .Region}}<p>Kept in: {{.}}.</p>
{{end}}{{if .Files}}
<table>
<thead><tr><th scope="col">Collection</th><th scope="col">Rows</th><th scope="col">What it holds</th><th scope="col">Files</th></tr></thead>
<tbody>
{{range .Files}}
<tr><td>{{.Collection}}</td><td>{{.Rows}}</td><td>{{range $i, $c := .Categories}}{{if $i}}, {{end}}{{$c}}{{end}}</td>
<td><a href="{{.JSON}}">JSON</a>, <a href="{{.CSV}}">CSV</a></td></tr>
{{end}}
</tbody>
</table>
{{else}}
<p>{{with .Heading.None}}{{.}}{{else}}Nothing about you was found here.{{end}}</p>
{{end}}
{{end}}

{{define "begin"}}
<h3>{{.System}}: {{.Collection}}</h3>
<p>Each line is one entry about you. Under the name of a column is the kind of data that it holds; a column without one
holds what the system needs to work.</p>
<div class="wide"><table>
<thead><tr>{{range .Columns}}<th scope="col">{{.Name}}{{with .Category}}<small>{{.}}</small>{{end}}</th>{{end}}</tr></thead>
<tbody>
{{end}}

{{define "row"}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}

{{define "end"}}</tbody>
</table></div>
{{if .}}<p>{{.}} more entries are in the files of this collection.</p>{{end}}
{{end}}

{{define "tail"}}
<h2>Your rights</h2>
<p>You can have what is wrong corrected and what is not needed erased, and you can complain to a supervisory authority.
Quote the number of your request when you write to us.</p>
</body>
</html>
{{end}}`

// What the page shows of large collections and values; the files have it all.
const (
	pageRows  = 1000
	pageValue = 2000 // bytes
)

// index writes the page, with rows as they come.
func index(ctx context.Context, z *zip.Writer, c Contents, sections []section) error {
	t, err := template.New("page").Parse(page + aboutPage)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	w, err := z.Create("index.html")
	if err != nil {
		return fmt.Errorf("begin page: %w", err)
	}
	p := paper{w, t}
	err = p.put("head", struct {
		Request, Made, Expires, Cards string
		Heading                       Heading
	}{c.Request, day(c.MadeAt), day(c.ExpiresAt), cards(sections), c.Heading})
	if err != nil {
		return err
	}
	for i, s := range c.Sources {
		if err := p.put("system", sections[i]); err != nil {
			return err
		}
		if err := p.rows(ctx, s); err != nil {
			return err
		}
	}
	if c.About != nil {
		if err := p.put("about", *c.About); err != nil {
			return err
		}
	}
	return p.put("tail", nil)
}

// cards is how many values of all files are masked, in words; empty for none.
func cards(sections []section) string {
	var n uint64
	for _, s := range sections {
		for _, f := range s.Files {
			for _, of := range f.Cards {
				n += of
			}
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 value"
	}
	return strconv.FormatUint(n, 10) + " values"
}

// paper is a page in the making.
type paper struct {
	w io.Writer
	t *template.Template
}

func (p paper) put(piece string, data any) error {
	if err := p.t.ExecuteTemplate(p.w, piece, data); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// rows shows the first rows of every collection of a source in a table each.
func (p paper) rows(ctx context.Context, s Source) error {
	current, n := "", 0
	end := func() error {
		if n == 0 {
			return nil
		}
		return p.put("end", max(0, n-pageRows))
	}
	err := s.Collect(ctx, func(r connector.Row) error {
		if n == 0 || r.Collection != current {
			if err := end(); err != nil {
				return err
			}
			current, n = r.Collection, 0
			err := p.put("begin", struct {
				System, Collection string
				Columns            []connector.Column
			}{s.System, r.Collection, r.Columns})
			if err != nil {
				return err
			}
		}
		if n++; n > pageRows {
			return nil
		}
		r = mask(r, map[string]uint64{})
		cells := make([]string, len(r.Columns))
		for i, c := range r.Columns {
			cells[i] = readable(c.Value)
		}
		return p.put("row", cells)
	})
	if err != nil {
		return err
	}
	return end()
}

// readable is a value for the eye.
func readable(v any) string {
	if b, ok := v.([]byte); ok {
		return fmt.Sprintf("(%d bytes, in the files)", len(b))
	}
	v = plain(v)
	if v == nil {
		return ""
	}
	text := fmt.Sprint(v)
	if len(text) <= pageValue {
		return text
	}
	cut := pageValue
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "\u2026 (the rest is in the files)"
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
