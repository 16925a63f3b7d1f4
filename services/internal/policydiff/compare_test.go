package policydiff_test

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydiff"
	"habeas.internal/services/internal/policydoc"
)

// read reads a published policy, changed by pairs of old and new.
func read(t *testing.T, policy string, change ...string) policydoc.Document {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i+1 < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			t.Fatalf("%s holds no %q", policy, change[i])
		}
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	doc, err := policydoc.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestADifferenceIsSaidInWords(t *testing.T) {
	const news = "\npurposes:\n"
	for _, tc := range []struct {
		name, policy, old, by string
		path                  string
		effect                policydiff.Effect
		says                  string
	}{
		{"a new purpose without consent", "personnel-technology", news, news + "  - {id: tags.research, title: Research, basis: described, categories: [tag.use], clause: PT-24}\n", "purposes[tags.research]", policydiff.Less, `"Research" is a new purpose; it goes on unless you object.`},
		{"a new purpose by consent", "qcera", news, news + "  - {id: survey, title: Surveys, basis: opt_in, categories: [visitor.email], clause: QC-15}\n", "purposes[survey]", policydiff.Neutral, `"Surveys" is a new purpose; it needs your consent.`},
		{"consent gives way to an opt-out", "qcera", "basis: opt_in\n    categories: [visitor.email]", "basis: opt_out\n    categories: [visitor.email]", "purposes[mail.periodic].basis", policydiff.Less, `"Sending periodic e-mail" can be opted out of; before, it was one that needs your consent.`},
		{"an undertaking is dropped", "caseworks", "undertakings: [instructions, this_policy, confidentiality, security]", "undertakings: [instructions, this_policy, confidentiality]", "sharing.recipients[processor].undertakings.removed", policydiff.Less, "What a processor has undertaken: security is removed."},
		{"a recipient by consent", "caseworks", "    - {kind: third_party, consent: true, clause: CW-07}\n", "", "sharing.recipients[third_party]", policydiff.Neutral, "Nothing goes to a third_party any more."},
		{"a place more", "personnel-technology", "allowed: [us]", "allowed: [us, de]", "regions.allowed.added", policydiff.Less, "Places where data may be: de is added."},
		{"a longer time", "qcera", "ends: {after: last_used, period: P2Y", "ends: {after: last_used, period: P3Y", "categories[visitor.name].ends.period", policydiff.Less, `How long "Name, entered in a form" is kept was P2Y and is now P3Y.`},
		{"consent gets an end", "qcera", "  - id: mail.periodic\n", "  - id: mail.periodic\n    expires: P2Y\n", "purposes[mail.periodic].expires", policydiff.More, `How long consent to "Sending periodic e-mail" lasts was not limited and is now P2Y.`},
		{"months against days", "qcera", "ends: {after: last_used, period: P2Y", "ends: {after: last_used, period: P730D", "categories[visitor.name].ends.period", policydiff.More, `How long "Name, entered in a form" is kept was P2Y and is now P730D.`},
		{"another event", "qcera", "ends: {after: last_used,", "ends: {after: account_closed,", "categories[visitor.name].ends.after", policydiff.Differs, `The event from which the time of "Name, entered in a form" counts was "last_used" and is now "account_closed".`},
		{"a smaller group", "caseworks", "aggregates: {minimum: 10,", "aggregates: {minimum: 9,", "aggregates.minimum", policydiff.Less, "The least size of a group falls from 10 to 9."},
		{"a fee", "personnel-technology", "{right: access, verified: true,", "{right: access, verified: true, fee: true,", "requests.rights[access].fee", policydiff.Less, "The right of access may cost a fee."},
		{"a ban is lifted", "personnel-technology", "    - {what: sale, exempt: [successor], clause: PT-09}\n", "", "sharing.forbidden[sale]", policydiff.Less, "This is no longer forbidden: sale."},
		{"what is undescribed is closed", "caseworks", "undescribed: {mode: offer,", "undescribed: {mode: closed,", "undescribed.mode", policydiff.More, "What the policy does not describe was allowed until you opted out; it is now forbidden."},
		{"a way out is no longer offered first", "qcera", "basis: opt_in\n    categories: [visitor.email]", "basis: opt_out\n    offer: true\n    categories: [visitor.email]", "purposes[mail.periodic].basis", policydiff.Less, `"Sending periodic e-mail" can be opted out of, and is offered first; before, it was one that needs your consent.`},
		{"a ground demands less", "qcera", "requires: [belief, believed_by, categories, recipient, imminent]", "requires: [belief, believed_by, categories, recipient]", "grounds[personal_safety].requires.removed", policydiff.Less, `Each use of "Exigent circumstances, to protect the personal safety of users or the public" records: imminent is removed.`},
		{"a promise disappears", "caseworks", `  - {id: CW-25, `, `  - {id: CW-26, `, "clauses[CW-25]", policydiff.Less, "This is no longer promised: Reasonable steps keep data accurate, complete and current."},
		{"a signal is ignored", "caseworks", "{signal: gpc, honoured: true,", "{signal: gpc, honoured: false,", "signals[gpc]", policydiff.Less, "The signal gpc is no longer honoured."},
		{"a message of another purpose", "personnel-technology", "title: A patch, purpose: mail.updates", "title: A patch, purpose: mail.service", "messages[patch.announced].purpose", policydiff.Less, `"A patch" was a message of mail.updates and is one of mail.service.`},
		{"a new kind of message without consent", "personnel-technology", "messages: # a message is of the purpose of its kind\n", "messages:\n  - {id: tip, title: A tip, purpose: mail.service, clause: PT-07}\n", "messages[tip]", policydiff.Less, `"A tip" is a new kind of message, of the purpose mail.service.`},
		{"kinds of messages are said", "qcera", "matrix: {clause: QC-15}\n", "matrix: {clause: QC-15}\nmessages: [{id: tip, title: A tip, purpose: mail.periodic, clause: QC-05}]\n", "messages", policydiff.More, "Which messages there are is said, and what each is for."},
		{"somebody else is responsible", "qcera", "publisher: Qcera, Inc.", "publisher: Somebody Else, Inc.", "publisher", policydiff.Differs, `Who is responsible was "Qcera, Inc." and is now "Somebody Else, Inc.".`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := policydiff.Compare(read(t, tc.policy), read(t, tc.policy, tc.old, tc.by))
			for _, c := range changes {
				if c.Path == tc.path {
					if c.Effect != tc.effect || c.Says != tc.says {
						t.Errorf("got %+v", c)
					}
					return
				}
			}
			t.Errorf("no change of %s in %+v", tc.path, changes)
		})
	}
}

func TestAReductionIsFoundAmongImprovements(t *testing.T) {
	mixed := read(t, "caseworks", "undescribed: {mode: offer,", "undescribed: {mode: closed,", "aggregates: {minimum: 10,", "aggregates: {minimum: 9,")
	if !policydiff.Compare(read(t, "caseworks"), mixed).Reduces() {
		t.Error("a reduction that comes with an improvement is not found")
	}
	better := read(t, "caseworks", "undescribed: {mode: offer,", "undescribed: {mode: closed,")
	if policydiff.Compare(read(t, "caseworks"), better).Reduces() {
		t.Error("an improvement counts as a reduction")
	}
}

// Nothing of a document can change without being compared, but for what says
// nothing about a person.
func TestEveryKeyIsCompared(t *testing.T) {
	nothing := map[string]bool{
		"policy": true, "version": true, "effective": true, "modified": true, "text_sha256": true, "change": true, "house": true,
		"clause": true, "serves": true, // the promises themselves are compared
		"mode": true, "offer": true, // have a test of their own
		"signal": true, // one that is not named is honoured
	}
	var from policydoc.Document
	fill(reflect.ValueOf(&from).Elem())
	places := leaves("", reflect.ValueOf(&from).Elem(), nothing)
	if len(places) < 80 {
		t.Errorf("only %d keys", len(places))
	}
	for i, place := range places {
		var to policydoc.Document
		fill(reflect.ValueOf(&to).Elem())
		alter(leaves("", reflect.ValueOf(&to).Elem(), nothing)[i].at)
		if len(policydiff.Compare(from, to)) == 0 {
			t.Errorf("%s changes, and nothing is said", place.path)
		}
	}
}

type leaf struct {
	path string
	at   reflect.Value
}

func leaves(path string, v reflect.Value, but map[string]bool) (out []leaf) {
	switch {
	case v.Kind() == reflect.Pointer:
		return leaves(path, v.Elem(), but)
	case v.Kind() == reflect.Slice && v.Index(0).Kind() == reflect.Struct:
		return leaves(path+"[]", v.Index(0), but)
	case v.Kind() != reflect.Struct:
		return []leaf{{path, v}}
	}
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); !but[key] {
			out = append(out, leaves(path+"."+key, v.Field(i), but)...)
		}
	}
	return out
}

// fill gives everything a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Int:
		v.SetInt(5)
	case reflect.String:
		v.SetString("P5D")
	default:
		v.SetBool(true)
	}
}

func alter(v reflect.Value) {
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(6)
	case reflect.String:
		v.SetString("P6D")
	case reflect.Slice:
		v.Index(0).SetString("another")
	default:
		v.SetBool(!v.Bool())
	}
}
