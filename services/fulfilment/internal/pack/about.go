package pack

import (
	"archive/zip"
	"encoding/json"
	"fmt"
)

// About is what an answer says besides the data itself: for what it is used and
// why that is allowed, who may get it, how long it stays (GDPR Art. 15(1)(a) to
// (d)), all from one version of the policy.
type About struct {
	Policy     string      `json:"policy"`
	Version    uint32      `json:"version"`
	Title      string      `json:"title"`
	Publisher  string      `json:"publisher"`
	Kinds      []Kind      `json:"kinds_of_data"`
	Recipients []Recipient `json:"recipients"`
	Clauses    []Clause    `json:"clauses"`
}

// Kind is one kind of data that the answer holds.
type Kind struct {
	Category string    `json:"category"`
	Title    string    `json:"title,omitempty"` // empty: the policy does not describe it
	Where    []string  `json:"collections"`
	Clause   string    `json:"clause,omitempty"`
	Sources  []string  `json:"sources,omitempty"`
	Purposes []Purpose `json:"purposes"`
	Periods  []Period  `json:"periods"`
	// Unattributable says that such data is held, and that no identifier of a
	// person leads to it: nobody can tell whose it is.
	Unattributable bool `json:"held_but_not_attributable,omitempty"`
}

// Purpose is something that a kind of data is used for.
type Purpose struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Basis  string `json:"basis"`
	Clause string `json:"clause"`
}

// Period is how long a kind of data is kept, from when on and why.
type Period struct {
	Text      string `json:"period"`
	After     string `json:"after"`
	Ground    string `json:"ground,omitempty"`
	Authority string `json:"authority"`
}

// Recipient is a kind of recipient that the policy names.
type Recipient struct {
	Kind    string `json:"kind"`
	Consent bool   `json:"only_with_consent"`
	Notice  bool   `json:"only_after_notice"`
	Clause  string `json:"clause"`
}

// Clause is what the policy's text says at a place that is referred to.
type Clause struct {
	ID   string `json:"id"`
	Says string `json:"says"`
}

// aboutFile is where a program finds it.
const aboutFile = "about.json"

func writeAbout(z *zip.Writer, a About) error {
	w, err := z.Create(aboutFile)
	if err != nil {
		return fmt.Errorf("begin %s: %w", aboutFile, err)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(a); err != nil {
		return fmt.Errorf("write %s: %w", aboutFile, err)
	}
	return nil
}

// aboutPage is the piece of the page that says the same.
const aboutPage = `
{{define "about"}}
<h2>Why your data is held, who may get it, and how long it stays</h2>
<p>This follows version {{.Version}} of the policy {{with .Title}}“{{.}}”{{else}}{{.Policy}}{{end}}{{with .Publisher}} of {{.}}{{end}}.
The sign in brackets is the clause of the policy; its words are below. A program finds all of this in <a href="about.json">about.json</a>.</p>
<div class="wide"><table>
<thead><tr><th scope="col">Kind of data</th><th scope="col">Where it is</th><th scope="col">What it is used for, and why that is allowed</th>
<th scope="col">Where it comes from</th><th scope="col">How long it stays</th></tr></thead>
<tbody>
{{range .Kinds}}<tr><td>{{with .Title}}{{.}}{{else}}not described in the policy{{end}}{{with .Clause}} ({{.}}){{end}}<small> {{.Category}}</small></td>
<td>{{range $i, $w := .Where}}{{if $i}}, {{end}}{{$w}}{{end}}{{if .Unattributable}}: held, but not attributable to anybody{{end}}</td>
<td>{{range $i, $p := .Purposes}}{{if $i}}; {{end}}{{$p.Title}}: {{$p.Basis}} ({{$p.Clause}}){{else}}The policy names no purpose for it.{{end}}</td>
<td>{{range $i, $s := .Sources}}{{if $i}}, {{end}}{{$s}}{{else}}The policy does not say.{{end}}</td>
<td>{{range $i, $p := .Periods}}{{if $i}}; {{end}}{{$p.Text}} after {{$p.After}}{{with $p.Ground}}, {{.}}{{end}} ({{$p.Authority}}){{else}}The policy names no period for it.{{end}}</td></tr>
{{end}}</tbody>
</table></div>
{{if .Recipients}}<p>Who may get it:</p>
<ul>
{{range .Recipients}}<li>{{.Kind}}{{if .Consent}}, only if you have agreed{{end}}{{if .Notice}}, only after you were told{{end}} ({{.Clause}})</li>
{{end}}</ul>{{else}}<p>The policy names nobody who may get it.</p>{{end}}
{{if .Clauses}}<dl>
{{range .Clauses}}<dt>{{.ID}}</dt><dd>{{.Says}}</dd>
{{end}}</dl>{{end}}
{{end}}`
