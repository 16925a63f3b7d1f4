package wire_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/systemtest/sample"
	"habeas.internal/services/systemtest/sample/internal/wire"
)

// fixed seals with one key and one nonce, so that the sample is the same each
// time it is made.
type fixed struct{}

func (fixed) Seal(_ context.Context, _ string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	key, err := seal.NewKey(id, 1, bytes.Repeat([]byte{0x33}, seal.KeySize))
	if err != nil {
		return nil, err
	}
	return key.Seal(f, bytes.NewReader(make([]byte, 64)), plaintext)
}

func TestTheBooksEventsStayReadable(t *testing.T) {
	codec, err := wire.Codec()
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: sample.AggregateType, ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	encode := func(e sample.Event) (es.Event, error) {
		return codec.Encode(fixed{})(context.Background(), agg, es.EventID(agg.ID, 0), e)
	}
	estest.Corpus(t, "testdata", codec.Registry(), encode, []sample.Event{
		sample.Opened{ClosesAt: time.Unix(1790000000, 0).UTC()},
		sample.Signed{Entry: 7, Guest: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: personal.Clear("Jane Example")},
		sample.SigningRefused{Reason: "BOOK_CLOSED"},
		sample.Closed{ByTimer: true},
		sample.Announced{},
	})
}
