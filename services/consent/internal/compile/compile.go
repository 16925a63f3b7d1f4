// Package compile turns a policy document into the form in which it is asked.
package compile

import (
	"fmt"
	"time"

	"habeas.internal/services/consent/check"
	"habeas.internal/services/internal/policydoc"
)

// Compiled is a version with what the document says beyond Check.
type Compiled struct {
	Version  check.Version
	Features []Feature
	Signals  map[string]Signal // by name
	// Expires is how long consent to a purpose lasts, where the policy says so.
	Expires map[string]policydoc.Period
	Says    map[string]string // what a clause says, by its id
	// Unaccounted are the purposes for which nobody accounts: treatment, payment
	// and operations, as HIPAA means them.
	Unaccounted map[string]bool
	Zone        string // IANA time zone of the publisher
}

// Signal is what a policy says to a browser's signal.
type Signal struct {
	Honoured bool
	Clause   string
}

// Feature is something of the product that needs a purpose or a category.
type Feature struct {
	Name, Purpose, Category string
}

// outage is how old an answer may be while the log can't be asked, where the
// policy says nothing.
const outage = 10 * time.Second

// Parse reads a document that was published.
func Parse(document []byte) (Compiled, error) {
	doc, err := policydoc.Read(document)
	if err != nil {
		return Compiled{}, fmt.Errorf("read policy: %w", err)
	}
	return Document(doc), nil
}

// Document compiles a document that was linted. The version is in force from
// no moment yet.
func Document(d policydoc.Document) Compiled {
	out := Compiled{Version: check.Version{
		Number: uint32(d.Version), Accepted: d.Versions.Binds == "accepted", Closed: d.Undescribed.Mode != "offer",
		Implied:    Set[string](d.Consent.Expressions)["implied"],
		Categories: map[string]check.Category{}, Purposes: map[string]check.Purpose{},
		Sources: map[check.Source]check.SourceRule{}, Grounds: map[string]check.Ground{},
		Clauses: clauses(d),
	}, Signals: map[string]Signal{}, Expires: map[string]policydoc.Period{}, Says: map[string]string{}, Unaccounted: map[string]bool{}, Zone: d.Zone}
	for _, c := range d.Clauses {
		out.Says[c.ID] = c.Says
	}
	v := &out.Version
	v.Outage = outage
	if n := d.Consent.OutageSeconds; n != nil {
		v.Outage = time.Duration(*n) * time.Second
	}
	for _, c := range d.Categories {
		v.Categories[c.ID] = check.Category{
			Personal: c.Personal, Sensitive: c.Sensitive, Registration: c.Registration,
			Side: check.Side(c.Side), Associate: c.Associate, Client: c.Client,
			CollectedFor: Set[string](c.CollectedFor), Sources: Set[check.Source](c.Sources), Clause: c.Clause,
		}
		for _, f := range c.Features {
			out.Features = append(out.Features, Feature{Name: f, Category: c.ID})
		}
	}
	for _, p := range d.Purposes {
		v.Purposes[p.ID] = purpose(p)
		out.Unaccounted[p.ID] = p.HIPAA != ""
		if lasts, err := policydoc.ParsePeriod(p.Expires); err == nil { // none, or the linter has found it a period
			out.Expires[p.ID] = lasts
		}
		for _, f := range p.Features {
			out.Features = append(out.Features, Feature{Name: f, Purpose: p.ID})
		}
	}
	if d.Ages != nil {
		v.Age = uint32(d.Ages.Minimum) //nolint:gosec // the linter of policies has found it an age
	}
	for _, m := range d.Messages {
		if v.Messages == nil {
			v.Messages = map[string]check.Message{}
		}
		v.Messages[m.ID] = check.Message{Purpose: m.Purpose, Channels: Set[string](m.Channels), Clause: m.Clause}
	}
	for _, s := range d.Sources {
		v.Sources[check.Source(s.Source)] = check.SourceRule{
			Accepted: s.Accepted, Personal: s.Personal, Purposes: Set[string](s.Purposes), Clause: s.Clause,
		}
	}
	for _, s := range d.Signals {
		out.Signals[s.Signal] = Signal{Honoured: s.Honoured, Clause: s.Clause}
	}
	for _, g := range d.Grounds {
		v.Grounds[g.ID] = check.Ground{Actions: Set[check.Action](g.Actions), Requires: g.Requires, Clause: g.Clause}
	}
	sharing(v, d)
	if d.Aggregates != nil {
		v.Minimum, v.Deidentify = uint64(d.Aggregates.Minimum), d.Aggregates.Deidentify
	}
	return out
}

// sharing is who may get data, and what may not be shared at all.
func sharing(v *check.Version, d policydoc.Document) {
	v.Recipients, v.Bans = map[string]check.Sharing{}, map[string]check.Ban{}
	for _, r := range d.Sharing.Recipients {
		v.Recipients[r.Kind] = check.Sharing{
			Undertakings: r.Undertakings, Consent: r.Consent, Notice: r.Notice, Clause: r.Clause,
		}
	}
	for _, f := range d.Sharing.Forbidden {
		v.Bans[f.What] = check.Ban{Exempt: Set[string](f.Exempt), Clause: f.Clause}
	}
	if len(d.Regions.Allowed) > 0 {
		v.Regions, v.RegionsExempt = Set[string](d.Regions.Allowed), Set[string](d.Regions.Exempt)
	}
}

func purpose(p policydoc.Purpose) check.Purpose {
	actions := Set[check.Action](p.Actions)
	if len(actions) == 0 {
		actions = map[check.Action]bool{check.Collect: true, check.Access: true, check.Use: true, check.Preserve: true}
		if p.Basis != string(check.Legal) {
			actions[check.Disclose] = true // Check asks for more before anything leaves
		}
	}
	return check.Purpose{
		Basis: check.Basis(p.Basis), Offer: p.Offer, Categories: Set[string](p.Categories), Actions: actions,
		Channels: Set[string](p.Channels), Periodic: p.Periodic, Clause: p.Clause,
	}
}

func clauses(d policydoc.Document) check.Clauses {
	c := check.Clauses{
		Scope: d.Scope.Clause, Versions: d.Versions.Clause, Consent: d.Consent.Clause, Undescribed: d.Undescribed.Clause,
		Matrix: d.Matrix.Clause, Decline: d.Decline.Clause, Remainder: d.Remainder.Clause,
		Sharing: d.Sharing.Clause, Regions: d.Regions.Clause,
	}
	if d.Consent.Registration != nil {
		c.Registration = d.Consent.Registration.Clause
	}
	if d.Need != nil {
		c.Need = d.Need.Clause
	}
	if d.Consent.Sensitive != nil {
		c.Sensitive = d.Consent.Sensitive.Clause
	}
	if d.Aggregates != nil {
		c.Aggregates = d.Aggregates.Clause
	}
	if d.Ages != nil {
		c.Ages = d.Ages.Clause
	}
	return c
}

// Set is the words as a set.
func Set[T ~string](words []string) map[T]bool {
	out := make(map[T]bool, len(words))
	for _, w := range words {
		out[T(w)] = true
	}
	return out
}

// Effective is the moment of a document's effective day: midnight UTC.
func Effective(d policydoc.Document) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, d.Effective)
	if err != nil {
		return time.Time{}, fmt.Errorf("read effective day: %w", err)
	}
	return t, nil
}
