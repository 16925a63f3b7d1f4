package policydiff

import (
	"slices"
	"strconv"

	"habeas.internal/services/internal/policydoc"
)

// The words of policies that are compared here.
const (
	offering  = "offer"
	optIn     = "opt_in"
	optOut    = "opt_out"
	described = "described"
	contract  = "contract"
	aggregate = "aggregate"
	legal     = "legal"
)

// onlyByConsent reports whether every purpose of a closed policy that lists a
// category needs consent: then nothing happens to it before somebody says yes.
func onlyByConsent(doc policydoc.Document, category string) bool {
	return doc.Undescribed.Mode != offering && !slices.ContainsFunc(doc.Purposes, func(p policydoc.Purpose) bool {
		return p.Basis != optIn && slices.Contains(p.Categories, category)
	})
}

func (d *differ) categories(from, to policydoc.Document) {
	pairs(from.Categories, to.Categories, func(c policydoc.Category) string { return c.ID }, func(id string, old, now *policydoc.Category) {
		switch {
		case now == nil:
			e := More
			if onlyByConsent(from, id) {
				e = Neutral
			}
			d.note(item("categories", id, old.Clause), e, strconv.Quote(old.Title)+" is no longer held.")
		case old == nil:
			e := Less
			if onlyByConsent(to, id) {
				e = Neutral
			}
			d.note(item("categories", id, now.Clause), e, strconv.Quote(now.Title)+" is a new kind of data.")
		default:
			d.category(item("categories", id, now.Clause), *old, *now)
		}
	})
}

func (d *differ) category(a at, from, to policydoc.Category) {
	what := strconv.Quote(to.Title)
	d.text(a.key("title"), from.Title, to.Title, Differs, "What the data is called")
	d.text(a.key("fides"), from.Fides, to.Fides, Neutral, what+" in fideslang")
	d.text(a.key("dpv"), from.DPV, to.DPV, Neutral, what+" in the Data Privacy Vocabulary")
	d.permits(a.key("sources"), from.Sources, to.Sources, what+" comes from")
	d.better(a.key("personal"), from.Personal, to.Personal, what+" no longer counts as personal.", what+" counts as personal.")
	d.better(a.key("sensitive"), from.Sensitive, to.Sensitive, what+" no longer counts as sensitive.", what+" counts as sensitive.")
	d.better(a.key("registration"), from.Registration, to.Registration,
		what+" no longer counts as registration data.", what+" counts as registration data.")
	d.better(a.key("associate"), from.Associate, to.Associate,
		what+" may go to others than business associates.", what+" goes to business associates alone.")
	d.better(a.key("client"), from.Client, to.Client,
		what+" no longer counts as the client's information.", what+" counts as the client's information.")
	d.side(a.key("side"), from.Side, to.Side, what)
	d.permits(a.key("collected_for"), from.CollectedFor, to.CollectedFor, what+" is collected for")
	d.permits(a.key("features"), from.Features, to.Features, "Without "+what+" you do without")
	d.end(a.key("ends"), from.Ends, to.Ends, what)
}

func (d *differ) side(a at, from, to, what string) {
	e := Differs
	switch {
	case from == to:
		return
	case from == "":
		e = More
	case to == "":
		e = Less
	}
	d.text(a, from, to, e, "The side of "+what+" in what may not be shared together")
}

func (d *differ) end(a at, from, to *policydoc.End, what string) {
	var old, now policydoc.End
	if from != nil {
		old = *from
	}
	if to != nil {
		now = *to
	}
	d.longer(a.key("period"), old.Period, now.Period, "How long "+what+" is kept")
	if from != nil && to != nil {
		d.text(a.key("after"), old.After, now.After, Differs, "The event from which the time of "+what+" counts")
	}
}

func (d *differ) sources(from, to []policydoc.Source) {
	free := policydoc.Source{Accepted: true, Personal: true} // where nothing is said
	pairs(from, to, func(s policydoc.Source) string { return s.Source }, func(id string, old, now *policydoc.Source) {
		if old == nil {
			old = &free
		}
		if now == nil {
			now = &free
		}
		a := item("sources", id, now.Clause)
		d.worse(a.key("accepted"), old.Accepted, now.Accepted, "Data from "+id+" is not accepted.", "Data from "+id+" is accepted.")
		d.worse(a.key("personal"), old.Personal, now.Personal,
			"Data from "+id+" may not be personal.", "Data from "+id+" may be personal.")
		d.limits(a.key("purposes"), old.Purposes, now.Purposes, "Data from "+id+" serves")
	})
}

func (d *differ) signals(from, to []policydoc.Signal) {
	free := policydoc.Signal{Honoured: true} // one that is not named is honoured
	pairs(from, to, func(s policydoc.Signal) string { return s.Signal }, func(id string, old, now *policydoc.Signal) {
		if old == nil {
			old = &free
		}
		if now == nil {
			now = &free
		}
		a := item("signals", id, now.Clause)
		d.better(a, old.Honoured, now.Honoured, "The signal "+id+" is no longer honoured.", "The signal "+id+" is honoured.")
	})
}

func (d *differ) retention(from, to []policydoc.Retention) {
	pairs(from, to, func(r policydoc.Retention) string { return r.Rule }, func(id string, old, now *policydoc.Retention) {
		a := item("retention", id, "")
		switch {
		case now == nil:
			d.note(a, More, "Data of "+old.Category+" is no longer kept by "+old.Authority+".")
		case old == nil:
			d.note(a, Less, "Data of "+now.Category+" is kept for "+now.Period+" by "+now.Authority+", whoever asks for it to be erased.")
		default:
			d.text(a.key("category"), old.Category, now.Category, Differs, "What has to be kept")
			d.limits(a.key("systems"), old.Systems, now.Systems, "Systems in which "+now.Category+" is kept")
			d.longer(a.key("period"), old.Period, now.Period, "How long "+now.Category+" has to be kept")
			d.text(a.key("ground"), old.Ground, now.Ground, Differs, "The ground on which it is kept")
			d.text(a.key("authority"), old.Authority, now.Authority, Differs, "By what it has to be kept")
		}
	})
}
