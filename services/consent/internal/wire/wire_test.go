package wire_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
)

func corpus[E any](t *testing.T, folder, aggregate string, codec eventpb.Codec[E], newest []E) {
	t.Helper()
	agg := es.Aggregate{Context: "consent", Tenant: "t1", Type: aggregate, ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	encode := func(e E) (es.Event, error) {
		return codec.Encode(new(eventpbtest.Keys))(context.Background(), agg, es.EventID(agg.ID, 0), e)
	}
	estest.Corpus(t, folder, codec.Registry(), encode, newest)
}

func TestThePoliciesEventsStayReadable(t *testing.T) {
	codec, err := wire.Policy()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	corpus(t, "testdata/policy", policy.AggregateType, codec, []policy.Event{
		policy.Published{Policy: "caseworks", Version: 1, Document: []byte("policy: caseworks"), Hash: "aa", TextHash: "bb", Effective: at, Recorded: at.Add(1)},
		policy.PublishingRefused{Version: 3, Reason: "VERSION_NOT_CONSECUTIVE"},
		policy.Posted{Policy: "caseworks", Version: 1, TextHash: "bb", PostedAt: at, Recorded: at.Add(1)},
		policy.PostingRefused{Version: 1, Reason: "ALREADY_POSTED"},
	})
}

func TestThePersonsEventsStayReadable(t *testing.T) {
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	corpus(t, "testdata/person", person.AggregateType, codec, []person.Event{
		person.DecisionRecorded{Policy: "caseworks", Purpose: "trends.track", Decision: person.Decision{
			Status: person.Given, Explicit: true, Evidence: "sha256:abc", Version: 1, DecidedAt: at, RecordedAt: at.Add(1), Recipients: []string{"processor"},
		}},
		person.DecisionRefused{Policy: "caseworks", Reason: "EVIDENCE_REQUIRED"},
		person.AllWithdrawn{Purposes: []person.Topic{{Policy: "caseworks", Name: "trends.track"}}, DecidedAt: at, RecordedAt: at.Add(1)},
		person.PolicyAccepted{Policy: "caseworks", Version: 2, AcceptedAt: at, RecordedAt: at.Add(1)},
		person.AcceptanceRefused{Policy: "caseworks", Reason: "VERSION_NOT_POSTED"},
		person.SignalReceived{Policy: "caseworks", Signal: person.GPC, Honoured: true, ReceivedAt: at, RecordedAt: at.Add(1)},
		person.FactApplied{Fact: person.Restricted, Cause: "aaaaaaaaaaaaaaaaaaaaaaaaaa", RecordedAt: at},
	})
}
