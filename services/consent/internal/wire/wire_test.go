package wire_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/consent/statistic"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
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
		policy.Published{Policy: "caseworks", Version: 1, Document: []byte("policy: caseworks"), Hash: "aa", TextHash: "bb", Effective: at, Recorded: at.Add(1), Reduces: []uint32{1, 2}, Notice: true},
		policy.PublishingRefused{Version: 3, Reason: "VERSION_NOT_CONSECUTIVE"},
		policy.Posted{Policy: "caseworks", Version: 1, TextHash: "bb", PostedAt: at, Recorded: at.Add(1), Notice: "web:frontpage"},
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
		person.ConsentExpired{Topic: person.Topic{Policy: "caseworks", Name: "trends.track"}, DecidedAt: at, ExpiredAt: at.AddDate(2, 0, 0), RecordedAt: at.AddDate(2, 0, 1)},
		person.ConsentInvalidated{
			Policy: "caseworks", Purposes: []string{"trends.track"}, Ground: "notice_misleading", Evidence: "audit:1", InvalidatedAt: at, RecordedAt: at.Add(1),
		},
		person.DecisionRefused{Policy: "caseworks", Reason: "EVIDENCE_REQUIRED"},
		person.AllWithdrawn{Purposes: []person.Topic{{Policy: "caseworks", Name: "trends.track"}}, DecidedAt: at, RecordedAt: at.Add(1)},
		person.PolicyAccepted{Policy: "caseworks", Version: 2, AcceptedAt: at, RecordedAt: at.Add(1)},
		person.AcceptanceRefused{Policy: "caseworks", Reason: "VERSION_NOT_POSTED"},
		person.SignalReceived{Policy: "caseworks", Signal: person.GPC, Honoured: true, ReceivedAt: at, RecordedAt: at.Add(1)},
		person.FactApplied{Fact: person.Restricted, Cause: "aaaaaaaaaaaaaaaaaaaaaaaaaa", RecordedAt: at},
		person.Notified{Recipient: "acme-mail", Evidence: "mail:1", NotifiedAt: at, RecordedAt: at.Add(1)},
		person.SourceAuthorized{
			ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Policy: "p", Version: 1, Provider: "mailer", Scopes: []string{"mail.read", "notes"}, Evidence: "sha256:abc",
			AuthorizedAt: at, RecordedAt: at.Add(1),
		},
		person.SourceRevoked{Policy: "p", Provider: "mailer", Scopes: []string{"notes"}, RevokedAt: at, RecordedAt: at.Add(1)},
		person.AuthorizationRefused{Policy: "p", Provider: "mailer", Reason: "EVIDENCE_REQUIRED"},
	})
}

func TestTheImportsEventsStayReadable(t *testing.T) {
	codec, err := wire.Intake()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	corpus(t, "testdata/import", intake.AggregateType, codec, []intake.Event{
		intake.Begun{File: intake.File{Source: "old", Digest: "aa", Evidence: "web_form", Rows: 3}, By: "staff-1", At: at},
		intake.Resumed{By: "staff-2", At: at},
		intake.Progressed{Done: 3, Recorded: 2, Refused: []intake.Row{{Number: 3, Line: 4, Reason: "EVIDENCE_REQUIRED", Field: "evidence"}}, At: at},
		intake.Finished{Recorded: 2, Refused: 1, At: at},
	})
}

func TestAnActKeepsHowItCameAbout(t *testing.T) {
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	agg := es.Aggregate{Context: "consent", Tenant: "t1", Type: person.AggregateType, ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	for _, want := range []person.Event{
		person.DecisionRecorded{
			Policy: "caseworks", Purpose: "trends.track", Decision: person.Decision{
				Status: person.Renewed, Explicit: true, Evidence: "form:7", Version: 1, DecidedAt: at, RecordedAt: at.Add(1), ExpiresAt: at.AddDate(2, 0, 0),
			},
			Circumstances: person.Circumstances{
				Notice: "signup.3", TextHash: strings.Repeat("a", 64), Language: "en-GB", Method: "checkbox", Channel: "web",
				Actor: person.Guardian, ActorRef: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Authority: person.LegalGuardian, Steps: proto.Uint32(2), Seconds: proto.Uint32(0),
			},
		},
		person.AllWithdrawn{DecidedAt: at, RecordedAt: at.Add(1), Circumstances: person.Circumstances{Channel: "web", Actor: person.Staff, Steps: proto.Uint32(1)}},
		person.AllWithdrawn{DecidedAt: at, RecordedAt: at.Add(1), Circumstances: person.Circumstances{Channel: "web", Actor: person.Agent}},
		person.AllWithdrawn{DecidedAt: at, RecordedAt: at.Add(1), Circumstances: person.Circumstances{Actor: person.Self}},
		person.DecisionRecorded{
			Policy: "caseworks", Purpose: "trends.track", Decision: person.Decision{Status: person.Refused, DecidedAt: at, RecordedAt: at},
			Provenance: person.Provenance{Import: agg.ID, Row: 7},
		},
		person.DecisionRecorded{
			Policy: "qcera", Purpose: "mail.periodic", Decision: person.Decision{Status: person.Withdrawn, Explicit: true, Version: 1, DecidedAt: at, RecordedAt: at.Add(1), Kept: true},
			Circumstances: person.Circumstances{Channel: "email", Actor: person.Self},
		},
		person.DecisionRefused{Policy: "caseworks", Reason: "EVIDENCE_REQUIRED", Provenance: person.Provenance{Import: agg.ID, Row: 8}},
	} {
		ev, err := codec.Encode(new(eventpbtest.Keys))(context.Background(), agg, es.EventID(agg.ID, 0), want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.Registry().Decode(ev)
		if diff := cmp.Diff([]person.Event{want}, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
}

func TestTheRecipientsEventsStayReadable(t *testing.T) {
	codec, err := wire.Recipient()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	corpus(t, "testdata/recipient", recipient.AggregateType, codec, []recipient.Event{
		recipient.Registered{Profile: recipient.Profile{
			Kind: "processor", Title: "Acme Mail", Contact: "1 Example Street", Region: "us", OwnUse: true, Hosting: true,
		}, RecordedAt: at},
		recipient.Agreed{Agreement: recipient.Agreement{
			Number: 1, Undertakings: []string{"security"}, Categories: []string{"a.b"}, Purposes: []string{"c.d"}, Consideration: recipient.OtherValue,
			Associate: true, From: at, Until: at.Add(1), ConfirmedAt: at.Add(2), Document: "dpa-1",
			Mechanism: recipient.Mechanism{Kind: "standard_contractual_clauses", Origins: []string{"de"}, Until: at.Add(3)},
		}, RecordedAt: at},
		recipient.Confirmed{ConfirmedAt: at, RecordedAt: at.Add(1)},
		recipient.Ended{Number: 1, Reason: "breach", At: at},
		recipient.SuccessionRecorded{Succession: recipient.Succession{Event: "merger-1", From: at}, RecordedAt: at},
		recipient.Refused{Reason: "RECIPIENT_KIND_FIXED"},
	})
}

func TestTheStatisticsEventsStayReadable(t *testing.T) {
	codec, err := wire.Statistic()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	cells := []statistic.Cell{{Name: "2026-10.all", Figure: statistic.Figure{Count: 100, Complement: 90}}}
	corpus(t, "testdata/statistic", statistic.AggregateType, codec, []statistic.Event{
		statistic.Counted{Counts: statistic.Counts{
			Number: 1, Cells: cells, Categories: []string{"a.b"}, Identifiers: []statistic.Identifier{statistic.FirstIdentifier, statistic.LastIdentifier},
			Examined: true, CountedAt: at, By: "a1",
		}, RecordedAt: at.Add(1)},
		statistic.Determined{Determination: statistic.Determination{Document: "finding:1", Expert: "e1", From: at, Until: at.Add(1)}, RecordedAt: at},
		statistic.Released{
			Number: 1, Counts: 1, Policy: "p", Purpose: "a.b", Recipient: "acme", Cells: cells, At: at,
			Verdict: statistic.Verdict{Allowed: true, Reason: "AGGREGATED", Basis: "b", Clause: "CW-09", Version: 2},
		},
		statistic.Refused{Policy: "p", Reason: "COHORT_TOO_SMALL"},
	})
}

func TestTheRegistersEventsStayReadable(t *testing.T) {
	codec, err := wire.Disclosure()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1790000000, 0).UTC()
	corpus(t, "testdata/disclosure", disclosure.AggregateType, codec, []disclosure.Event{
		disclosure.Disclosed{Number: 1, At: at, Entry: disclosure.Entry{
			Recipient: "acme-mail", Action: "disclose", Policy: "p", Version: 2, Purpose: "a.b", Categories: []string{"c.d"}, Keys: []string{"email"},
			Agreement: 3, Marketing: true, Reason: "CONTRACT_NEEDS", Basis: "dpv:ContractPerformance", Clause: "PT-12",
			Ground: disclosure.Ground{Belief: "subpoena", BelievedBy: "a1", Document: "case:1", Imminent: true},
		}},
		disclosure.Refused{Recipient: "acme-mail", Policy: "p", Purpose: "a.b", Reason: "AGREEMENT_ENDED"},
	})
}
