package check_test

import (
	"testing"

	"habeas.internal/services/consent/check"
)

func TestAKindOfMessageThatALaterVersionAddsIsNewsToWhoeverAgreedBefore(t *testing.T) {
	const list, added = "\nmessages: # a message is of the purpose of its kind\n", "  - {id: survey.announced, title: A survey, purpose: mail.updates, clause: PT-11}\n"
	const known = "  - {id: update.announced, title: An update, purpose: mail.updates, clause: PT-11}\n"
	survey := of("mail.updates", "personal.email", registration, by("email"), saying("survey.announced"), func(q *check.Question) { q.CollectedAt = day(1) })
	update := survey
	update.Message = "update.announced"
	adds := policy(pack(t, "personnel-technology"), pack(t, "personnel-technology", list, list+added))
	lists := policy(pack(t, "personnel-technology", known, ""), pack(t, "personnel-technology"))
	for _, tc := range []struct {
		name   string
		p      check.Policy
		who    check.Person
		q      check.Question
		reason check.Reason
	}{
		{"the new kind, granted before", adds, decided("mail.updates", grant(1)), survey, check.MessageUnknown},
		{"the new kind, granted since", adds, decided("mail.updates", grant(2)), survey, check.ConsentGiven},
		{"an old kind, granted before", adds, decided("mail.updates", grant(1)), update, check.ConsentGiven},
		{"an old kind, granted since", adds, decided("mail.updates", grant(2)), update, check.ConsentGiven},
		{"the new kind, about data of the later version, granted before", adds, decided("mail.updates", grant(1)), since(survey), check.ConsentNarrower},
		{"a kind that the first version lacked, granted before", lists, decided("mail.updates", grant(1)), update, check.MessageUnknown},
		{"a kind that the first version lacked, granted since", lists, decided("mail.updates", grant(2)), update, check.ConsentGiven},
	} {
		if got := check.Ask(tc.p, tc.who, tc.q); got.Reason != tc.reason {
			t.Errorf("%s: %+v, want %s", tc.name, got, tc.reason)
		}
	}
}

// since asks about data that was collected under the second version.
func since(q check.Question) check.Question {
	q.CollectedAt = day(3)
	return q
}

func TestAPolicyWithoutAListPromisesNothingAboutMessages(t *testing.T) {
	a := yes()
	for _, kind := range []string{"", "release"} {
		a.q.Message = kind
		if got := check.Ask(a.p, a.who, a.q); !got.Allowed {
			t.Errorf("of kind %q: %+v", kind, got)
		}
	}
}
