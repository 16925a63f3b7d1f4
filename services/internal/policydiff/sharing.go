package policydiff

import (
	"cmp"
	"strconv"
	"strings"

	"habeas.internal/services/internal/policydoc"
)

func (d *differ) sharing(from, to policydoc.Sharing) {
	pairs(from.Recipients, to.Recipients, func(r policydoc.Recipient) string { return r.Kind }, func(id string, old, now *policydoc.Recipient) {
		switch {
		case now == nil:
			d.note(item("sharing.recipients", id, old.Clause), receives(*old).Mirror(), "Nothing goes to a "+id+" any more.")
		case old == nil:
			d.note(item("sharing.recipients", id, now.Clause), receives(*now), "Data may go to a "+id+agreeing(*now)+".")
		default:
			a := item("sharing.recipients", id, now.Clause)
			d.demands(a.key("undertakings"), old.Undertakings, now.Undertakings, "What a "+id+" has undertaken")
			d.better(a.key("consent"), old.Consent, now.Consent,
				"A "+id+" gets data without your consent.", "A "+id+" gets data only with your consent.")
			d.better(a.key("notice"), old.Notice, now.Notice,
				"You are no longer told before a "+id+" gets data.", "You are told before a "+id+" gets data.")
		}
	})
	pairs(from.Forbidden, to.Forbidden, func(f policydoc.Forbidden) string { return f.What }, func(id string, old, now *policydoc.Forbidden) {
		switch {
		case now == nil:
			d.note(item("sharing.forbidden", id, old.Clause), Less, "This is no longer forbidden: "+id+".")
		case old == nil:
			d.note(item("sharing.forbidden", id, now.Clause), More, "This is forbidden: "+id+".")
		default:
			a := item("sharing.forbidden", id, now.Clause)
			d.permits(a.key("exempt"), old.Exempt, now.Exempt, "Exempt from the ban of "+id)
		}
	})
}

// receives is the effect of a new kind of recipient.
func receives(r policydoc.Recipient) Effect {
	if r.Consent {
		return Neutral // nothing goes there before somebody says yes
	}
	return Less
}

func agreeing(r policydoc.Recipient) string {
	if r.Consent {
		return ", with your consent"
	}
	return ""
}

func (d *differ) grounds(from, to []policydoc.Ground) {
	pairs(from, to, func(g policydoc.Ground) string { return g.ID }, func(id string, old, now *policydoc.Ground) {
		switch {
		case now == nil:
			d.note(item("grounds", id, old.Clause), More, strconv.Quote(old.Title)+" is no ground any more.")
		case old == nil:
			d.note(item("grounds", id, now.Clause), Less, strconv.Quote(now.Title)+" is a ground for acting without consent.")
		default:
			a := item("grounds", id, now.Clause)
			d.text(a.key("title"), old.Title, now.Title, Differs, "What the ground is called")
			d.permits(a.key("actions"), old.Actions, now.Actions, strconv.Quote(now.Title)+" allows to")
			d.demands(a.key("requires"), old.Requires, now.Requires, "Each use of "+strconv.Quote(now.Title)+" records")
		}
	})
}

func (d *differ) regions(from, to policydoc.Regions) {
	a := at{"regions", to.Clause}
	d.limits(a.key("allowed"), from.Allowed, to.Allowed, "Places where data may be")
	if len(from.Allowed) > 0 && len(to.Allowed) > 0 {
		d.permits(a.key("exempt"), from.Exempt, to.Exempt, "Recipients that may be anywhere")
	}
}

func (d *differ) ages(from, to *policydoc.Ages) {
	if from == nil || to == nil {
		d.better(at{path: "ages"}, from != nil, to != nil, "There is no least age any more.", "There is a least age.")
		return
	}
	a := at{"ages", to.Clause}
	d.number(a.key("minimum"), from.Minimum, to.Minimum, "The least age")
	d.worse(a.key("representative"), from.Representative, to.Representative,
		"Younger people can't use the service.", "Younger people may use the service through a representative.")
	d.worse(a.key("parental_cures"), from.ParentalCures, to.ParentalCures,
		"A parent's consent is not enough.", "A parent's consent is enough.")
	d.longer(a.key("erase"), from.Erase, to.Erase, "The time in which a child's data is gone")
}

func (d *differ) aggregates(from, to *policydoc.Aggregates) {
	if from == nil || to == nil {
		d.worse(at{path: "aggregates"}, from != nil, to != nil, "Figures about groups are not shared any more.", "Figures about groups may be shared.")
		return
	}
	a := at{"aggregates", to.Clause}
	d.number(a.key("minimum"), from.Minimum, to.Minimum, "The least size of a group")
	d.better(a.key("deidentify"), from.Deidentify, to.Deidentify,
		"Figures need not be made anonymous first.", "Figures are made anonymous first.")
}

func (d *differ) requests(from, to policydoc.Requests) {
	pairs(from.Rights, to.Rights, func(r policydoc.Right) string { return r.Right }, func(id string, old, now *policydoc.Right) {
		switch {
		case now == nil:
			d.note(item("requests.rights", id, old.Clause), Less, "The right of "+id+" is no longer promised.")
		case old == nil:
			d.note(item("requests.rights", id, now.Clause), More, "The right of "+id+" is promised.")
		default:
			d.right(item("requests.rights", id, now.Clause), *old, *now)
		}
	})
	d.approval(from.Approval, to.Approval)
	pairs(from.Decline, to.Decline, func(g policydoc.Decline) string { return g.Ground }, func(id string, old, now *policydoc.Decline) {
		switch {
		case now == nil:
			d.note(item("requests.decline", id, old.Clause), More, "Nothing is declined as "+id+" any more.")
		case old == nil:
			d.note(item("requests.decline", id, now.Clause), Less, "Requests may be declined as "+id+".")
		default:
			a := item("requests.decline", id, now.Clause)
			d.permits(a.key("rights"), old.Rights, now.Rights, "What may be declined as "+id)
			d.text(a.key("rests_on"), old.RestsOn, now.RestsOn, Less, "On what of the law a decline as "+id+" rests")
			d.text(a.key("justification"), old.Justification, now.Justification, Differs, "What the vocabulary calls a decline as "+id)
		}
	})
}

// approval: the controller's time is the person's waiting.
func (d *differ) approval(from, to *policydoc.Approval) {
	var old, now policydoc.Approval
	if from != nil {
		old = *from
	}
	if to != nil {
		now = *to
	}
	a := at{"requests.approval", cmp.Or(now.Clause, old.Clause)}
	d.text(a.key("controller"), old.Controller, now.Controller, Differs, "For whose word requests wait")
	switch {
	case old.Period == "" || now.Period == "":
		d.text(a.key("period"), old.Period, now.Period, Differs, "How long the controller may take")
	default:
		d.longer(a.key("period"), old.Period, now.Period, "How long the controller may take")
	}
	d.text(a.key("reminders"), strings.Join(old.Reminders, ", "), strings.Join(now.Reminders, ", "), Differs, "When the controller is reminded")
}

func (d *differ) right(a at, from, to policydoc.Right) {
	what := "The right of " + to.Right
	d.worse(a.key("verified"), from.Verified, to.Verified, what+" needs no proof of who asks.", what+" needs a proof of who asks.")
	d.worse(a.key("fee"), from.Fee, to.Fee, what+" costs nothing.", what+" may cost a fee.")
	d.worse(a.key("approval"), from.Approval, to.Approval, what+" does not wait for the controller.", what+" waits for the controller.")
	d.text(a.key("asked_for"), from.AskedFor, to.AskedFor, Differs, "Where "+to.Right+" is asked for")
	var old, now policydoc.Designated
	if from.Designated != nil {
		old = *from.Designated
	}
	if to.Designated != nil {
		now = *to.Designated
	}
	d.text(a.key("designated.mail"), old.Mail, now.Mail, Differs, "The mail address for "+to.Right)
	d.text(a.key("designated.post"), old.Post, now.Post, Differs, "The postal address for "+to.Right)
	d.text(a.key("designated.phone"), old.Phone, now.Phone, Differs, "The telephone number for "+to.Right)
}

func (d *differ) clocks(from, to []policydoc.Clock) {
	pairs(from, to, func(c policydoc.Clock) string { return c.Right }, func(id string, old, now *policydoc.Clock) {
		switch {
		case now == nil:
			d.note(item("clocks", id, old.Clause), Less, "No time limit is promised for "+id+" any more.")
		case old == nil:
			d.note(item("clocks", id, now.Clause), More, "A time limit is promised for "+id+": "+now.Period+".")
		default:
			a := item("clocks", id, now.Clause)
			d.longer(a.key("period"), old.Period, now.Period, "The time limit for "+id)
			d.longer(a.key("otherwise"), cmp.Or(old.Otherwise, old.Period), cmp.Or(now.Otherwise, now.Period),
				"The time limit for "+id+" that is not asked for where it should be")
			d.better(a.key("no_extension"), old.NoExtension, now.NoExtension,
				"The time limit for "+id+" may be extended.", "The time limit for "+id+" is never extended.")
		}
	})
}
