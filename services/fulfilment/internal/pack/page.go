package pack

import (
	"archive/zip"
	"fmt"
	"html/template"
	"time"
)

// page is the template of the page that a person reads. html/template escapes
// whatever it is given.
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Your data</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3em .6em; border-bottom: 1px solid #ccc; vertical-align: top; }
</style>
</head>
<body>
<h1>Your data</h1>
<p>This is the answer to your request <code>{{.Request}}</code>. It was made on {{.Made}} and holds what our systems
hold about you. It can be fetched until {{.Expires}}; after that it is destroyed.</p>
<p>Each collection comes twice: as JSON, for machines, and as CSV, for a spreadsheet. A quotation mark before a value in
a CSV file keeps spreadsheets from running it.</p>
{{range .Sections}}
<h2>{{.System}}</h2>
<p>Kept in: {{.Region}}.</p>
{{if .Files}}
<table>
<tr><th>Collection</th><th>Rows</th><th>What it holds</th><th>Files</th></tr>
{{range .Files}}
<tr><td>{{.Collection}}</td><td>{{.Rows}}</td><td>{{range $i, $c := .Categories}}{{if $i}}, {{end}}{{$c}}{{end}}</td>
<td><a href="{{.JSON}}">JSON</a>, <a href="{{.CSV}}">CSV</a></td></tr>
{{end}}
</table>
{{else}}
<p>Nothing about you was found here.</p>
{{end}}
{{end}}
<h2>Your rights</h2>
<p>You can have what is wrong corrected and what is not needed erased, and you can complain to a supervisory authority.
Quote the number of your request when you write to us.</p>
</body>
</html>
`

func index(z *zip.Writer, c Contents, sections []section) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	w, err := z.Create("index.html")
	if err != nil {
		return fmt.Errorf("begin page: %w", err)
	}
	err = t.Execute(w, struct {
		Request, Made, Expires string
		Sections               []section
	}{c.Request, day(c.MadeAt), day(c.ExpiresAt), sections})
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
