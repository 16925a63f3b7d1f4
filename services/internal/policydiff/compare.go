package policydiff

import (
	"strconv"

	"habeas.internal/services/internal/policydoc"
)

// Compare lists what changes for a person between two versions that were
// linted.
func Compare(from, to policydoc.Document) Changes {
	d := new(differ)
	d.head(from, to)
	d.consent(from.Consent, to.Consent)
	d.categories(from, to)
	d.purposes(from, to)
	d.messages(from, to)
	d.sources(from.Sources, to.Sources)
	d.signals(from.Signals, to.Signals)
	d.sharing(from.Sharing, to.Sharing)
	d.grounds(from.Grounds, to.Grounds)
	d.regions(from.Regions, to.Regions)
	d.ages(from.Ages, to.Ages)
	d.aggregates(from.Aggregates, to.Aggregates)
	d.requests(from.Requests, to.Requests)
	d.clocks(from.Clocks, to.Clocks)
	d.retention(from.Retention, to.Retention)
	d.clauses(from.Clauses, to.Clauses)
	return d.changes
}

func (d *differ) head(from, to policydoc.Document) {
	d.text(at{path: "title"}, from.Title, to.Title, Neutral, "The policy's title")
	d.text(at{path: "publisher"}, from.Publisher, to.Publisher, Differs, "Who is responsible")
	d.text(at{path: "role"}, from.Role, to.Role, Differs, "The publisher's role")
	d.text(at{path: "zone"}, from.Zone, to.Zone, Differs, "The zone in which days are counted")
	d.demands(at{path: "rules"}, from.Rules, to.Rules, "Laws that the policy declares")
	d.text(at{"scope.products", to.Scope.Clause}, from.Scope.Products, to.Scope.Products, Differs, "What the policy covers")
	d.text(at{"versions.binds", to.Versions.Clause}, from.Versions.Binds, to.Versions.Binds, Differs, "By what a version binds")
	d.better(at{"versions.prominent", to.Versions.Clause}, from.Versions.Prominent, to.Versions.Prominent,
		"What reduces rights is no longer announced prominently.", "What reduces rights is announced prominently.")
	if from.Undescribed.Mode != to.Undescribed.Mode {
		a := at{"undescribed.mode", to.Undescribed.Clause}
		d.better(a, from.Undescribed.Mode != offering, to.Undescribed.Mode != offering,
			"What the policy does not describe was forbidden; it is now allowed until you opt out, once that was offered.",
			"What the policy does not describe was allowed until you opted out; it is now forbidden.")
	}
	d.clause(at{path: "need"}, from.Need, to.Need, "Only what a purpose needs is collected")
	d.contact(from, to)
}

func (d *differ) contact(from, to policydoc.Document) {
	var old, now policydoc.Contact
	d.better(at{path: "contact"}, from.Contact != nil, to.Contact != nil,
		"It is no longer said where questions go.", "It is said where questions go.")
	if from.Contact != nil && to.Contact != nil {
		old, now = *from.Contact, *to.Contact
	}
	d.text(at{"contact.mail", now.Clause}, old.Mail, now.Mail, Neutral, "The address for questions")
	d.text(at{"contact.web", now.Clause}, old.Web, now.Web, Neutral, "The page for questions")
	var was, is policydoc.Complaints
	d.better(at{path: "complaints"}, from.Complaints != nil, to.Complaints != nil,
		"It is no longer said where complaints go.", "It is said where complaints go.")
	if from.Complaints != nil && to.Complaints != nil {
		was, is = *from.Complaints, *to.Complaints
	}
	d.text(at{"complaints.to", is.Clause}, was.To, is.To, Neutral, "The way to complain")
	d.text(at{"complaints.authority", is.Clause}, was.Authority, is.Authority, Differs, "To whom an unresolved complaint goes")
}

// clause compares a rule that protects and that a policy has or has not.
func (d *differ) clause(a at, from, to *policydoc.Clause, what string) {
	for _, c := range []*policydoc.Clause{from, to} {
		if c != nil {
			a.clause = c.Clause
		}
	}
	d.better(a, from != nil, to != nil, what+": no longer promised.", what+": promised from now on.")
}

// outage is what counts where a policy says nothing.
const outage = 10

func (d *differ) consent(from, to policydoc.Consent) {
	a := at{"consent", to.Clause}
	d.permits(a.key("expressions"), from.Expressions, to.Expressions, "How a yes may be expressed")
	d.clause(a.key("registration"), from.Registration, to.Registration, "Consent for other uses of registration data")
	d.clause(a.key("sensitive"), from.Sensitive, to.Sensitive, "Consent for other uses of sensitive data, and to share it")
	d.clause(a.key("staff"), from.Staff, to.Staff, "Consent before staff look")
	d.burden(a.key("outage_seconds"), seconds(from.OutageSeconds), seconds(to.OutageSeconds), "The seconds for which an old answer may stand")
	var was, is policydoc.Steps
	d.better(a.key("steps"), from.Steps != nil, to.Steps != nil,
		"It is no longer said how many steps a withdrawal takes.", "It is said how many steps a withdrawal takes.")
	if from.Steps != nil && to.Steps != nil {
		was, is = *from.Steps, *to.Steps
	}
	d.burden(a.key("steps.withdraw"), was.Withdraw, is.Withdraw, "The steps that a withdrawal takes")
	if was.Give != is.Give {
		d.note(a.key("steps.give"), Neutral, "A yes takes "+strconv.Itoa(is.Give)+" steps in place of "+strconv.Itoa(was.Give)+".")
	}
}

func seconds(n *int) int {
	if n == nil {
		return outage
	}
	return *n
}

func (d *differ) clauses(from, to []policydoc.Promise) {
	pairs(from, to, func(p policydoc.Promise) string { return p.ID }, func(id string, from, to *policydoc.Promise) {
		a := item("clauses", id, id)
		switch {
		case to == nil:
			d.note(a, Less, "This is no longer promised: "+from.Says)
		case from == nil:
			d.note(a, More, "This is promised from now on: "+to.Says)
		default:
			d.text(a.key("says"), from.Says, to.Says, Neutral, "Our words for the promise")
			d.text(a.key("elsewhere"), from.Elsewhere, to.Elsewhere, Neutral, "What keeps the promise")
			d.text(a.key("heading"), from.Heading, to.Heading, Neutral, "The heading in the text")
		}
	})
}
