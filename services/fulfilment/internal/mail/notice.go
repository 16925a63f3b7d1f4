package mail

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"maps"
	"strings"
	"text/template"
	"time"

	"habeas.internal/services/fulfilment/law"
)

// Kept is something that was not erased, and why.
type Kept struct {
	System, Collection, Category string
	Ground, Authority            string
	Until                        time.Time
}

// Facts is what a notice may say.
type Facts struct {
	// Organisation is by what name the tenant is known to people; empty if it has none.
	Organisation string
	// Contact is where they reach it, in words; empty where an answer does.
	Contact string
	// Agent is the authorised agent that asked, as it is registered; empty if the
	// person asked themselves.
	Agent      string
	Request    string
	Erasure    bool           // else access, unless Right says so
	Right      string         // its code, as "disclosure_list"
	Year       uint32         // that a list of disclosures is about
	Age        bool           // nobody asked: the person is below the age that the service is for
	Zone       *time.Location // of the tenant; its days are named
	ReceivedAt time.Time
	DueAt      time.Time // the moment at which the last day has ended
	Late       bool      // the last day has ended
	Kept       []Kept
	Lost       []Kept    // what could not be finished, and why
	ExpiresAt  time.Time // of the package
	Other      string    // the request that it was answered with
	HeldUntil  time.Time // nothing is looked up before
	Cancel     string    // the code that cancels it
	CancelLink string    // the page on which it is cancelled by a click; empty for none
	Suffices   []string  // the proofs any of which would be enough
	ProveBy    time.Time // until when one has to be there
	Rejected   []Rejection
	Controller string    // that is asked, or has decided
	InstructBy time.Time // from when on its word is late
}

// Rejection is what is not carried out, why, and where to complain.
type Rejection struct {
	Parts                 []Kept // none: the whole request
	Ground, Clause, Text  string
	Rules                 []string
	Statement             string
	Complaints, Authority string
	Controller            string // that has decided; empty if it was the organisation itself
}

// ErrTemplate says that there is no such notice.
var ErrTemplate = errors.New("notice has no text")

// text is a notice's subject and body; both are templates.
type text struct{ subject, body string }

// texts are all notices.
func texts() map[string]text {
	return map[string]text{
		"acknowledged": {"{{if .Age}}We have to erase your data{{else}}We have received your request{{end}}", `{{if .Age}}You are below the age that this service is for. We may not keep what we hold about you, and erase it
without anybody having asked. The number of this erasure is {{.Request}}. {{if .Late}}It was due by {{last .DueAt}}, and is late.{{else}}It is done by {{last .DueAt}}.{{end}}

If this is wrong, answer this message at once: we can check your age by other means.{{else}}{{if .Agent}}The agent {{.Agent}} has asked us, in your name, {{right .}} on {{day .ReceivedAt}}.{{else}}We have received your request {{right .}} on {{day .ReceivedAt}}.{{end}}

Its number is {{.Request}}. {{if .Late}}Our answer was due by {{last .DueAt}}, and is late.{{else}}You will have our answer by {{last .DueAt}}.{{end}}

If we know you, you get a code in a message of its own, to show that it is you who asks{{if .Agent}} the
agent to do this{{end}}. Until then nothing is looked up and nothing is changed. If you did not ask for this, you need not do anything.{{end}}`},
		"erased": {"Your data has been erased{{if .Kept}}, but for what must be kept{{end}}", `{{template "done" .}} Your data was erased from our systems{{if .Kept}}, but for what is
named here{{end}}, and we have looked again to be sure that it is gone.
{{if .Kept}}
This is kept, because a law, a duty or the rights of others say so, and used for nothing else:
{{range .Kept}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{words .Ground}}, {{.Authority}}, until {{day .Until}} at least{{end}}

It is not erased by itself on that day: we have to decide on it then. If you think that this is wrong, you can complain
to us or to a supervisory authority.
{{end}}
{{template "declined" .}}Copies in backups are not used and end with the backups. We keep a record that this request was made and answered; it
does not say who you are.`},
		"incomplete": {"{{if .Age}}The erasure of your data{{else}}Your request{{end}} could not be finished", `{{if .Age}}You are below the age that this service is for, so that we have to erase what we hold about you. We could not
finish the erasure {{.Request}}.{{else}}We could not finish your request {{.Request}} {{right .}}.{{end}} We can't look for some of it any more, and can't say whether
anything is left of this:
{{range .Lost}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{words .Ground}}{{end}}
{{if .Kept}}
This is kept, because a law, a duty or the rights of others say so, and used for nothing else:
{{range .Kept}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{words .Ground}}, {{.Authority}}, until {{day .Until}} at least{{end}}

It is not erased by itself on that day: we have to decide on it then.
{{end}}
Please tell us if you meet any of it. You can also complain to us or to a supervisory authority.`},
		"package_ready": {"Your data is ready", `Your request {{.Request}} is done. A package with your data is ready. It can be fetched until
{{day .ExpiresAt}}, where the request was made and by its number; after that it is destroyed. Open index.html in it first.{{if .Lost}}

This is not in it, because we can't look for it any more:
{{range .Lost}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{words .Ground}}{{end}}{{end}}{{template "declined" .}}`},
		"retained": {"What we still hold about you", `Your request {{.Request}} is done. Your data was erased by your earlier request {{.Other}}.
This was kept then, because a law, a duty or the rights of others say so, and is used for nothing else:
{{range .Kept}}
- {{.Category}} ({{.System}}, {{.Collection}}): {{words .Ground}}, {{.Authority}}, until {{day .Until}} at least{{end}}

It is not erased by itself on that day: we have to decide on it then. We no longer keep by what we could find it as
yours, so there is no copy of it. If you think that this is wrong, you
can complain to us or to a supervisory authority.`},
		"nothing_held": {"We hold nothing about you", `{{template "done" .}} None of our systems holds anything about you.`},
		"not_verified": {"Your request could not be confirmed", `We could not confirm that you made your request {{.Request}} of {{day .ReceivedAt}}: the code that we sent you
was not handed in, or not in time, or is not enough for what was asked. Nothing was looked up and nothing was changed.

If you still want it, please ask again. If you gave us the right code, it was sent to an address that we have not known for
long enough, and another code to it is not enough either: tell us, and we check by other means that it is you. Our staff
do so, for example by a call to a number that we know. If you did not ask for this, you need not do anything.`},
		"withdrawn": {"Your request was withdrawn", `Your request {{.Request}} was withdrawn. Nothing was changed.`},
		"duplicate": {"Your request has been answered", `Your request {{.Request}} asked for the same as your earlier request {{.Other}}, and was
answered together with it.`},
	}
}

// safeguards are the notices that tell of what somebody may do in another's name.
func safeguards() map[string]text {
	return map[string]text{
		"delayed": {"Was it you? A request {{right .}}", `{{if .Agent}}The agent {{.Agent}}{{else}}Somebody{{end}} has made a request {{right .}}, and has proven by one of the channels that we know of you that it is you.
We tell all of them. Its number is {{.Request}}.

Nothing is done before {{moment .HeldUntil}}. If it was not you, or you do not want it any more, cancel the request
before then.{{if .CancelLink}} Open this page and cancel there:
{{.CancelLink}}

Or answer{{else}} Answer{{end}} this message and say that you cancel, with the number of the request and this code: {{.Cancel}}

If it was you, you need not do anything.`},
		"more_needed": {"More is needed to confirm your request", `You have confirmed your request {{.Request}} {{right .}}, and we thank you. For what it asks, that is not
enough yet: what you gave us could also be in the hands of somebody who has got into one of your accounts lately, or has
taken over your telephone number. Until there is more, nothing is looked up and nothing is changed.

Any one of these will do, by {{last .ProveBy}}:
{{range .Suffices}}
- {{proof .}}{{end}}

Another code to the same address is not enough, unless we have known the address for long by then. If you did not ask
for this, you need not do anything.`},
		"cancelled": {"Your request was cancelled", `Your request {{.Request}} was cancelled by somebody who had our message about it. Nothing was looked up and nothing
was changed.

If somebody else made it in your name, change the password of the e-mail account that this message has reached.`},
	}
}

// Whoever is known to several organisations must see whose message it is, and
// everybody how to answer.
const (
	begun = `{{define "done"}}{{if .Age}}You are below the age that this service is for, so that we had to erase what we hold about you, without
anybody having asked. The erasure {{.Request}} is done.{{else}}Your request {{.Request}} is done.{{end}}{{end}}`
	opening = "{{with .Organisation}}This is a message of {{.}}.\n\n{{end}}"
	closing = "\n\nIf you have a question, or need help with this, {{if .Contact}}you reach us here: {{.Contact}}" +
		"{{else}}answer this message{{with .Organisation}}: it reaches {{.}}{{end}}.{{end}}"
	heading = "{{with .Organisation}}{{.}}: {{end}}"
)

// Render writes a notice. The HTML says the same as the text.
func Render(name string, f Facts) (Message, error) {
	name, _, _ = strings.Cut(name, ".") // the same goes to several
	all := texts()
	maps.Copy(all, safeguards())
	maps.Copy(all, lists())
	maps.Copy(all, decisions())
	t, ok := all[name]
	if !ok {
		return Message{}, ErrTemplate
	}
	subject, err := fill(name, heading+t.subject, f)
	if err != nil {
		return Message{}, err
	}
	plain, err := fill(name, opening+t.body+closing, f)
	if err != nil {
		return Message{}, err
	}
	html, err := htmltemplate.New(name).Parse(frame)
	if err != nil {
		return Message{}, fmt.Errorf("parse notice: %w", err)
	}
	var page bytes.Buffer
	if err := html.Execute(&page, map[string]string{"Subject": subject, "Text": plain}); err != nil {
		return Message{}, fmt.Errorf("write notice: %w", err)
	}
	return Message{Subject: subject, Text: plain, HTML: page.String()}, nil
}

// fill writes one template. Its days are those of the tenant's zone.
func fill(name, body string, f Facts) (string, error) {
	zone := f.Zone
	if zone == nil {
		zone = time.UTC
	}
	day := func(d law.Date) string { return fmt.Sprintf("%d %s %d", d.Day, d.Month, d.Year) }
	parsed, err := template.New(name).Funcs(template.FuncMap{
		"day":    func(t time.Time) string { return day(law.DateOf(t, zone)) },
		"last":   func(t time.Time) string { return day(law.LastDay(t, zone)) },
		"words":  words,
		"proof":  proof,
		"right":  right,
		"moment": func(t time.Time) string { return t.In(zone).Format("15:04 MST on 2 January 2006") },
	}).Parse(begun + refused + body)
	if err != nil {
		return "", fmt.Errorf("parse notice: %w", err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, f); err != nil {
		return "", fmt.Errorf("write notice: %w", err)
	}
	return out.String(), nil
}

const frame = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body><div style="white-space: pre-wrap; font: 16px/1.5 sans-serif; max-width: 40em">{{.Text}}</div></body></html>
`

// words is a reason in words, with its code behind: "a duty by tax law
// (legal_obligation.tax)". A code without words of its own is spelled out.
func words(code string) string {
	known := map[string]string{
		"key_of_retained_row":      "needed by what must be kept",
		"key_of_referenced_row":    "others' data refers to it",
		"kept_by_description":      "kept by the rules of the system",
		"shared_with_others":       "it is others' as well",
		"legal_obligation":         "a duty by law",
		"legal_claims":             "needed for legal claims",
		"litigation":               "a pending legal matter",
		"contract":                 "needed for a contract",
		"public_interest":          "in the public interest",
		"manifestly_excessive":     "the request is manifestly excessive",
		"manifestly_unfounded":     "the request is manifestly unfounded",
		"rights_of_others":         "it would harm the rights of others",
		"privacy_of_others":        "it would harm the privacy of others",
		"repetitive_or_systematic": "it was asked too often, or by system",
		"disproportionate_effort":  "it would take effort out of proportion",
		"extremely_impractical":    "it is extremely impractical",
		"not_otherwise_required":   "no law asks us for it",
		"SUBJECT_FORGOTTEN":        "that by what we find your data was erased on another order while we were at work",
		"SYSTEM_RETIRED":           "the system was taken out of use",
	}
	ground, detail, _ := strings.Cut(code, ".")
	text, ok := known[ground]
	if !ok {
		text = spelled(ground)
	}
	if detail != "" {
		text += ", " + spelled(detail)
	}
	return text + " (" + code + ")"
}

// proof is what would prove who somebody is, in words for them.
func proof(code string) string {
	known := map[string]string{
		"settled_channel":              "a code or a link that we send to an address that we have known for long",
		"assertion_second_factor":      "a sign-in to your account with a second factor",
		"assertion_phishing_resistant": "a sign-in to your account by a passkey or a security key",
		"staff":                        "a check by our staff: tell us, and they compare what we know of you, call you on a number that we know, or see you",
	}
	if text, ok := known[code]; ok {
		return text
	}
	return spelled(code)
}

func spelled(code string) string {
	return strings.NewReplacer("_", " ", ".", ", ", "-", " ").Replace(code)
}

func right(f Facts) string {
	switch f.Right {
	case "disclosure_list":
		return fmt.Sprintf("for a list of those whom we gave your data for their own direct marketing in %d", f.Year)
	case "accounting":
		return "for an account of the disclosures of your health data"
	}
	if f.Erasure {
		return "to erase your data"
	}
	return "for a copy of your data"
}
