package wire_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/wire"
	"habeas.internal/services/retention/messageplan"
)

func TestAMessagePlansEventsStayReadable(t *testing.T) {
	codec, err := wire.MessagePlan()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e messageplan.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(messageplan.AggregateType), es.EventID(id, 0), e)
	}
	estest.Corpus(t, "testdata/messageplan", codec.Registry(), encode, []messageplan.Event{
		messageplan.Replaced{Plan: messageplan.Plan{
			ID: "own", Archive: messageplan.ClientServers, Length: messageplan.Month, Keep: "P30D", Authority: "PT-05", ReceiptKey: []byte("key"),
		}},
	})
}

func TestAConversationsEventsStayReadable(t *testing.T) {
	codec, err := wire.Conversation()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e conversation.Event) (es.Event, error) {
		return codec.Encode(nil)(context.Background(), aggregate(conversation.AggregateType), es.EventID(id, 0), e)
	}
	at := time.Unix(1790000000, 0).UTC()
	terms := conversation.Terms{Archive: conversation.ClientServers, Authority: "PT-05", ReceiptKey: []byte("key"), Keep: "P2D", KeepUntil: at.Add(3 * time.Hour)}
	estest.Corpus(t, "testdata/conversation", codec.Registry(), encode, []conversation.Event{
		conversation.Started{Plan: "own", Participants: []string{id}, At: at},
		conversation.Added{Participants: []string{id}, At: at},
		conversation.Closed{At: at, KeepUntil: at.Add(time.Hour)},
		conversation.PeriodBegun{Terms: terms, Number: 2, Begins: at, Ends: at.Add(time.Hour)},
		conversation.HandedOver{Period: 2, Digest: "ab", Messages: 7, At: at},
		conversation.Received{Period: 2, Digest: "ab", Signature: []byte("signature"), At: at},
		conversation.Refused{Period: 2, Reason: "RECEIPT_DIFFERS"},
		conversation.Deferred{Periods: []uint32{1, 2}, HeldFor: id, At: at},
		conversation.Begun{Periods: []uint32{1, 2}, At: at},
		conversation.Ended{Periods: []uint32{1, 2}, ResidueEnds: at.Add(time.Hour), At: at},
	})
}
