package wire_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/internal/wire"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"
)

const id = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

func aggregate(kind string) es.Aggregate {
	return es.Aggregate{Context: "retention", Tenant: "t1", Type: kind, ID: id}
}

func TestAPersonsEventsStayReadable(t *testing.T) {
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	encode := func(e person.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(person.AggregateType), es.EventID(id, 0), e)
	}
	started := person.ClocksStarted{Clocks: []person.Clock{{
		Name:            person.Name{Policy: "main", Category: "contacts.calendar", System: "shop", StartsOn: "collected"},
		ScheduleVersion: 3, StartedAt: at, DueAt: at.Add(time.Hour), Clause: "PT-03", Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1",
	}}, NextDue: at.Add(time.Hour)}
	estest.Corpus(t, "testdata/person", codec.Registry(), encode, []person.Event{
		person.HoldPlaced{
			Hold: id, Ground: "legal_claim", Authority: "Case 4/26", PlacedAt: at, ReviewAt: at.Add(time.Hour),
			OpenPermits: []string{id}, EffectiveBy: at.Add(time.Minute),
		},
		person.HoldReviewed{Hold: id, ReviewedAt: at, ReviewAt: at.Add(time.Hour)},
		person.HoldReviewDue{Hold: id, ReviewAt: at},
		person.HoldReleased{Hold: id, ReleasedAt: at, Free: true},
		person.PermitGiven{
			Permit: id, Request: id, System: "shop", Policy: "main", ScheduleVersion: 3, GivenAt: at, ExpiresAt: at.Add(person.Life),
		},
		person.PermitRefused{Request: id, System: "shop", Reason: "PERSON_ON_HOLD"},
		person.PermitEnded{Permit: id, RowsDestroyed: 44, EndedAt: at, Late: true},
		started,
		person.ClocksStopped{Clocks: []person.Name{started.Clocks[0].Name}, Cause: person.CauseErased, NextDue: at},
		person.ErasureDue{Request: id, Policy: "main", Clocks: []person.Name{started.Clocks[0].Name}, At: at, NextDue: at},
		person.AccountOpened{Account: "4711", At: at},
		person.AccountClosed{Account: "4711", At: at},
	})
}

func TestAnAccountsEventsStayReadable(t *testing.T) {
	codec, err := wire.Account()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e account.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(account.AggregateType), es.EventID(id, 0), e)
	}
	at := time.Unix(1790000000, 0).UTC()
	estest.Corpus(t, "testdata/account", codec.Registry(), encode, []account.Event{
		account.Added{Account: "4711", People: []string{id}, At: at},
		account.Closed{Account: "4711", ClosedAt: at, At: at},
	})
}

func TestASchedulesEventsStayReadable(t *testing.T) {
	codec, err := wire.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e schedule.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(schedule.AggregateType), es.EventID(id, 0), e)
	}
	estest.Corpus(t, "testdata/schedule", codec.Registry(), encode, []schedule.Event{
		schedule.Replaced{Policy: "main", Version: schedule.Version{
			Number: 2, PolicyVersion: 7, From: time.Unix(1790000000, 0).UTC(),
			Rules: []schedule.Rule{{
				ID: "invoices", Category: "user.financial", Systems: []string{"billing"}, Period: schedule.Period{Months: 126, Days: 3},
				Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1",
			}},
			Limits: []schedule.Limit{{
				Category: "contacts.calendar", StartsOn: "consent_withdrawn", Period: schedule.Period{Days: 30}, Clause: "PT-03",
				Purposes: []string{"schedule.calendar"},
			}},
		}},
		schedule.ReplacementRefused{PolicyVersion: 6, Reason: "POLICY_VERSION_OLD"},
		schedule.PolicyListed{Policy: "main"},
	})
}
