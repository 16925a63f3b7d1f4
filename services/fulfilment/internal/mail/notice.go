package mail

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"text/template"
	"time"
)

// Kept is something that was not erased, and why.
type Kept struct {
	System, Collection, Category string
	Ground, Authority            string
	Until                        time.Time
}

// Facts is what a notice may say.
type Facts struct {
	Request    string
	Erasure    bool // else access
	ReceivedAt time.Time
	DueAt      time.Time
	Kept       []Kept
	ExpiresAt  time.Time // of the package
	Other      string    // the request that it was answered with
}

// ErrTemplate says that there is no such notice.
var ErrTemplate = errors.New("notice has no text")

// text is a notice's subject and body.
type text struct{ subject, body string }

// texts are all notices.
func texts() map[string]text {
	return map[string]text{
		"acknowledged": {"We have received your request", `We have received your request {{right .}} on {{day .ReceivedAt}}.

Its number is {{.Request}}. You will have our answer by {{day .DueAt}}.

If we know you, you get a code in a message of its own, to show that it is you who asks. Until then nothing
is looked up and nothing is changed. If you did not ask for this, you need not do anything.`},
		"erased": {"Your data has been erased", `Your request {{.Request}} is done. Your data was erased from our systems, and we have
looked again to be sure that it is gone.
{{if .Kept}}
This is kept, because a law, a duty or the rights of others say so, and used for nothing else:
{{range .Kept}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{.Ground}}, {{.Authority}}, until {{day .Until}}{{end}}

If you think that this is wrong, you can complain to us or to a supervisory authority.
{{end}}
Copies in backups are not used and end with the backups. We keep a record that this request was made and answered; it
does not say who you are.`},
		"package_ready": {"Your data is ready", `Your request {{.Request}} is done. A package with your data is ready. It can be fetched until
{{day .ExpiresAt}}; after that it is destroyed. Open index.html in it first.`},
		"retained": {"What we still hold about you", `Your request {{.Request}} is done. Your data was erased by your earlier request {{.Other}}.
This was kept then, because a law, a duty or the rights of others say so, and is used for nothing else:
{{range .Kept}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{.Ground}}, {{.Authority}}, until {{day .Until}}{{end}}

We no longer keep by what we could find it as yours, so there is no copy of it. If you think that this is wrong, you
can complain to us or to a supervisory authority.`},
		"nothing_held": {"We hold nothing about you", `Your request {{.Request}} is done. None of our systems holds anything about you.`},
		"withdrawn":    {"Your request was withdrawn", `Your request {{.Request}} was withdrawn. Nothing was changed.`},
		"duplicate": {"Your request has been answered", `Your request {{.Request}} asked for the same as your earlier request {{.Other}}, and was
answered together with it.`},
	}
}

// Render writes a notice. The HTML says the same as the text.
func Render(name string, f Facts) (Message, error) {
	t, ok := texts()[name]
	if !ok {
		return Message{}, ErrTemplate
	}
	functions := template.FuncMap{"day": day, "right": right}
	parsed, err := template.New(name).Funcs(functions).Parse(t.body)
	if err != nil {
		return Message{}, fmt.Errorf("parse notice: %w", err)
	}
	var plain, page bytes.Buffer
	if err := parsed.Execute(&plain, f); err != nil {
		return Message{}, fmt.Errorf("write notice: %w", err)
	}
	html, err := htmltemplate.New(name).Parse(frame)
	if err != nil {
		return Message{}, fmt.Errorf("parse notice: %w", err)
	}
	if err := html.Execute(&page, map[string]string{"Subject": t.subject, "Text": plain.String()}); err != nil {
		return Message{}, fmt.Errorf("write notice: %w", err)
	}
	return Message{Subject: t.subject, Text: plain.String(), HTML: page.String()}, nil
}

const frame = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body><div style="white-space: pre-wrap; font: 16px/1.5 sans-serif; max-width: 40em">{{.Text}}</div></body></html>
`

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func right(f Facts) string {
	if f.Erasure {
		return "to erase your data"
	}
	return "for a copy of your data"
}
