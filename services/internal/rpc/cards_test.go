package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
)

// A number of the form that issuers give out, and one that differs in the digit
// that has to fit.
const (
	card    = "4539 5787 6362 1486"
	notCard = "4539 5787 6362 1487"
)

func TestACardNumberIsRefusedByFieldAndNeverQuoted(t *testing.T) {
	w := newWorld(t, nil)
	reached := 0
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		reached++
		return &samplev1.SignResponse{Entry: 1}, nil
	}
	client := w.client(t, "")
	request := goodSign()
	request.Name = "my card is " + notCard
	if _, err := client.Sign(w.as(t, "product"), request); err != nil || reached != 1 {
		t.Fatalf("with a digit that does not fit: %v", err)
	}
	request.Name = "my card is " + card
	_, err := client.Sign(w.as(t, "product"), request)
	s := wantFault(t, err, codes.InvalidArgument, "PAYMENT_CARD_NUMBER")
	want := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "name", Reason: "PAYMENT_CARD_NUMBER", Description: "numbers of payment cards are not accepted"},
	}}
	if diff := cmp.Diff(want, detail[*errdetails.BadRequest](s), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if reached != 1 {
		t.Error("the handler has seen it")
	}
	for place, content := range map[string]string{"the answer": fmt.Sprint(s.Proto()), "the log": w.logs.String(), "the metrics": w.scrape()} {
		if digits := strings.ReplaceAll(content, " ", ""); strings.Contains(digits, "45395787") || strings.Contains(digits, "63621486") {
			t.Errorf("%s quotes the number: %s", place, content)
		}
	}
	if !strings.Contains(w.scrape(), `habeas_reason="PAYMENT_CARD_NUMBER"`) {
		t.Error("the refusal was not counted")
	}
}

// Even a field that has a form of its own is refused for the card number, so that
// a caller learns what is wrong.
func TestACardNumberIsRefusedBeforeTheRulesOfTheField(t *testing.T) {
	w := newWorld(t, nil)
	request := goodSign()
	request.RequestId, request.Book = card, card
	_, err := w.client(t, "").Sign(w.as(t, "product"), request)
	s := wantFault(t, err, codes.InvalidArgument, "PAYMENT_CARD_NUMBER")
	if got := detail[*errdetails.BadRequest](s).GetFieldViolations(); len(got) != 2 || got[0].GetField() != "request_id" || got[1].GetField() != "book" {
		t.Errorf("got %v", got)
	}
}

func TestAPurposeIsNoPlaceForACardNumber(t *testing.T) {
	w := newWorld(t, nil)
	client := w.client(t, "")
	for purpose, want := range map[string]string{"case." + strings.ReplaceAll(card, " ", "-"): "PURPOSE_INVALID", "case." + strings.ReplaceAll(notCard, " ", "-"): ""} {
		err := ask(metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", purpose), client)
		if want != "" {
			wantFault(t, err, codes.InvalidArgument, want)
		} else if !errors.Is(err, io.EOF) { // the stream's end, without an item
			t.Error(err)
		}
	}
}

func TestEveryPlaceOfAMessageIsSearched(t *testing.T) {
	text := func(s string) *structpb.Value { return structpb.NewStringValue(s) }
	for name, row := range map[string]struct {
		message func(number string) proto.Message
		want    []string
	}{
		"a field": {func(n string) proto.Message { return wrapperspb.String(n) }, []string{"value"}},
		"bytes":   {func(n string) proto.Message { return wrapperspb.Bytes([]byte("\x00" + n)) }, []string{"value"}},
		"bytes in two bytes": {func(n string) proto.Message {
			return wrapperspb.Bytes([]byte(strings.Join(strings.Split(n, ""), "\x00")))
		}, []string{"value"}},
		"an item of a list": {func(n string) proto.Message { return &fieldmaskpb.FieldMask{Paths: []string{"a", n}} }, []string{"paths[1]"}},
		"several items":     {func(n string) proto.Message { return &fieldmaskpb.FieldMask{Paths: strings.Fields(n)} }, []string{"paths[0]", "paths[1]", "paths[2]", "paths[3]"}},
		"items beside another number": {func(n string) proto.Message {
			return &fieldmaskpb.FieldMask{Paths: slices.Concat([]string{"12"}, strings.Fields(n), []string{"2026"})}
		}, []string{"paths[1]", "paths[2]", "paths[3]", "paths[4]"}},
		"a long part and a short one": {func(n string) proto.Message {
			digits := strings.ReplaceAll(n, " ", "")
			return &fieldmaskpb.FieldMask{Paths: []string{digits[:13], digits[13:]}}
		}, []string{"paths[0]", "paths[1]"}},
		"fields of one name of messages in a list": {func(n string) proto.Message {
			list := &structpb.ListValue{}
			for _, part := range strings.Fields(n) {
				list.Values = append(list.Values, text(part))
			}
			return list
		}, []string{"values[0].string_value", "values[1].string_value", "values[2].string_value", "values[3].string_value"}},
		"several fields": {func(n string) proto.Message {
			return &samplev1.SignRequest{RequestId: n[:9], Book: n[10:14], Name: n[15:]}
		}, []string{"request_id", "book", "name"}},
		"a map's value": {func(n string) proto.Message {
			return &structpb.Struct{Fields: map[string]*structpb.Value{"a": text(n)}}
		}, []string{"fields[*].string_value"}},
		"a map's key": {func(n string) proto.Message {
			return &structpb.Struct{Fields: map[string]*structpb.Value{n: text("a")}}
		}, []string{"fields[*]"}},
		"a message in a message in itself": {func(n string) proto.Message {
			return &structpb.ListValue{Values: []*structpb.Value{text("a"), structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{text(n)}})}}
		}, []string{"values[1].list_value.values[0].string_value"}},
	} {
		if got := rpc.CardPaths(row.message(card)); !slices.Equal(got, row.want) {
			t.Errorf("%s: found in %v, want %v", name, got, row.want)
		}
		if got := rpc.CardPaths(row.message(notCard)); got != nil {
			t.Errorf("%s: without a card number found in %v", name, got)
		}
	}
}

// Fields of different messages, or with something else between them, belong to
// several numbers, as a telephone's and an account's do.
func TestNumbersThatDoNotFollowEachOtherAreNotPutTogether(t *testing.T) {
	parts := strings.Fields(card)
	list := &structpb.ListValue{Values: []*structpb.Value{
		structpb.NewStringValue(parts[0]), structpb.NewStringValue(parts[1]),
		structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue(parts[2]), structpb.NewStringValue(parts[3])}}),
	}}
	if got := rpc.CardPaths(list); got != nil {
		t.Errorf("found in %v", got)
	}
}

// BenchmarkCards is what the search adds to a call.
func BenchmarkCards(b *testing.B) {
	request := goodSign()
	b.ReportAllocs()
	search := rpc.CardSearch(request)
	for b.Loop() {
		if err := search(request); err != nil {
			b.Fatal(err)
		}
	}
}
