package policydiff

import (
	"slices"
	"strconv"

	"habeas.internal/services/internal/policydoc"
)

// weaker lists, of each basis, those that protect less. An opt-out that has to
// be offered first is a basis of its own here.
func weaker(basis string) []string {
	switch basis {
	case described, contract:
		return []string{legal}
	case aggregate:
		return []string{described, legal}
	case optOut:
		return []string{described, contract, legal}
	case offering:
		return []string{optOut, described, contract, legal}
	case optIn:
		return []string{offering, optOut, described, contract, legal}
	}
	return nil
}

// basisEffect is the effect of a change of basis.
func basisEffect(from, to string) Effect {
	switch {
	case from == to:
		return Neutral
	case slices.Contains(weaker(to), from):
		return More
	case slices.Contains(weaker(from), to):
		return Less
	}
	return Differs
}

func basisOf(p policydoc.Purpose) string {
	if p.Basis == optOut && p.Offer {
		return offering
	}
	return p.Basis
}

// asked says what a purpose asks of a person.
func asked(basis string) string {
	switch basis {
	case optIn:
		return "needs your consent"
	case offering:
		return "can be opted out of, and is offered first"
	case optOut:
		return "can be opted out of"
	case aggregate:
		return "concerns groups alone"
	case legal:
		return "goes on whatever you say, because law demands it"
	case contract:
		return "goes on unless you object, because the service needs it"
	}
	return "goes on unless you object"
}

func (d *differ) purposes(from, to policydoc.Document) {
	pairs(from.Purposes, to.Purposes, func(p policydoc.Purpose) string { return p.ID }, func(id string, old, now *policydoc.Purpose) {
		switch {
		case now == nil:
			d.note(item("purposes", id, old.Clause), standing(to, from, *old).Mirror(), strconv.Quote(old.Title)+" is no longer described.")
		case old == nil:
			d.note(item("purposes", id, now.Clause), standing(from, to, *now),
				strconv.Quote(now.Title)+" is a new purpose; it "+asked(basisOf(*now))+".")
		default:
			d.purpose(item("purposes", id, now.Clause), *old, *now)
		}
	})
}

// standing is the effect of describing a purpose that one version knows, beside
// one that does not know it.
func standing(without, with policydoc.Document, p policydoc.Purpose) Effect {
	basis := basisOf(p)
	if without.Undescribed.Mode != offering {
		if basis == optIn {
			return Neutral // nothing happens before somebody says yes
		}
		return Less
	}
	if basis == offering && !slices.ContainsFunc(with.Categories, func(c policydoc.Category) bool {
		return (c.Registration || c.Sensitive) && slices.Contains(p.Categories, c.ID)
	}) {
		return More // fewer kinds of data than without a description
	}
	if e := basisEffect(offering, basis); e != Neutral {
		return e
	}
	return Less
}

func (d *differ) purpose(a at, from, to policydoc.Purpose) {
	what := strconv.Quote(to.Title)
	d.text(a.key("title"), from.Title, to.Title, Differs, "What the purpose is called")
	d.text(a.key("dpv"), from.DPV, to.DPV, Neutral, what+" in the Data Privacy Vocabulary")
	if was, is := basisOf(from), basisOf(to); was != is {
		d.note(a.key("basis"), basisEffect(was, is), what+" "+asked(is)+"; before, it was one that "+asked(was)+".")
	}
	var covers differ
	covers.permits(a.key("categories"), from.Categories, to.Categories, what+" works with")
	covers.permits(a.key("actions"), actions(from), actions(to), what+" allows to")
	covers.limits(a.key("channels"), from.Channels, to.Channels, what+" goes by")
	for _, c := range covers.changes {
		if from.Basis == optIn || to.Basis == optIn {
			c.Effect = Neutral // a grant never grows: for more, a person is asked again
		}
		d.changes = append(d.changes, c)
	}
	d.better(a.key("periodic"), from.Periodic, to.Periodic, "Messages of "+what+" need not say how to stop them.", "Each message of "+what+" says how to stop them.")
	if exempt := to.HIPAA != ""; (from.HIPAA != "") != exempt {
		d.worse(a.key("hipaa"), !exempt, exempt,
			"What is given for "+what+" is listed when you ask for an accounting.", "What is given for "+what+" is no longer listed when you ask for an accounting.")
	} else {
		d.text(a.key("hipaa"), from.HIPAA, to.HIPAA, Neutral, what+" in the words of HIPAA")
	}
	d.longer(a.key("expires"), from.Expires, to.Expires, "How long consent to "+what+" lasts")
	d.permits(a.key("features"), from.Features, to.Features, "Without "+what+" you do without")
}

// actions are those of a purpose; all that its basis allows where it names none.
func actions(p policydoc.Purpose) []string {
	switch {
	case len(p.Actions) > 0:
		return p.Actions
	case p.Basis == legal:
		return []string{"collect", "access", "use", "preserve"}
	}
	return []string{"collect", "access", "use", "preserve", "disclose"}
}
