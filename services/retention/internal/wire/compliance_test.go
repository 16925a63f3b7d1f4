package wire_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/internal/wire"
)

func TestTheEventsOfReviewsStayReadable(t *testing.T) {
	codec, err := wire.Compliance()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e compliance.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(compliance.AggregateType), es.EventID(id, 0), e)
	}
	at := time.Unix(1790000000, 0).UTC()
	estest.Corpus(t, "testdata/compliance", codec.Registry(), encode, []compliance.Event{
		compliance.Scheduled{Scope: "data_minimisation", Period: compliance.Period{Months: 12, Days: 3}, By: "dora", DueAt: at.Add(time.Hour), At: at},
		compliance.Refused{Scope: "data_minimisation", Reason: "REVIEW_MISSED"},
		compliance.Missed{Scope: "data_minimisation", DueAt: at, At: at.Add(time.Minute)},
		compliance.Completed{
			Scope: "data_minimisation", NextDue: at.Add(2 * time.Hour),
			Completion: compliance.Completion{By: "dora", Findings: []string{"category_without_purpose"}, Report: "DMS 7", DueAt: at, At: at.Add(time.Hour)},
		},
	})
}
