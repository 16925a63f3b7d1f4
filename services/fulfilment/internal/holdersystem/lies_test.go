package holdersystem_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/connector/connectortest"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// liar is a service that knows one contact with one note, says that it erases them,
// and bends what it says as its test wants.
type liar struct {
	holderv1.UnimplementedDataHolderServiceServer

	describe func(*holderv1.DescribeDataResponse)
	locate   func(*holderv1.LocateDataResponse)
	verify   func(*holderv1.VerifyDataResponse)
	erase    func(orders []*holderv1.Order, stream holderv1.DataHolderService_EraseDataServer) error
	collect  func(stream holderv1.DataHolderService_CollectDataServer) error
}

func (l liar) DescribeData(context.Context, *holderv1.DescribeDataRequest) (*holderv1.DescribeDataResponse, error) {
	out := &holderv1.DescribeDataResponse{Collections: []*holderv1.DescribedCollection{
		{Name: "note", Fields: []*holderv1.DescribedField{{Name: "text", Categories: []string{"user.content"}}}},
		{Name: "contact", Fields: []*holderv1.DescribedField{
			{Name: "email", Categories: []string{"user.contact.email"}}, {Name: "name", Categories: []string{"user.name"}},
		}},
	}}
	if l.describe != nil {
		l.describe(out)
	}
	return out, nil
}

// liesParts are what it holds.
func liesParts() []*holderv1.Part {
	return []*holderv1.Part{
		{Collection: "contact", Category: "user.contact.email"}, {Collection: "contact", Category: "user.name"}, {Collection: "note", Category: "user.content"},
	}
}

func (l liar) LocateData(context.Context, *holderv1.LocateDataRequest) (*holderv1.LocateDataResponse, error) {
	out := &holderv1.LocateDataResponse{}
	for _, p := range liesParts() {
		out.Found = append(out.Found, &holderv1.Found{Part: p, Rows: 1, Digest: make([]byte, 32)})
	}
	if l.locate != nil {
		l.locate(out)
	}
	return out, nil
}

func (l liar) VerifyData(_ context.Context, req *holderv1.VerifyDataRequest) (*holderv1.VerifyDataResponse, error) {
	out := &holderv1.VerifyDataResponse{}
	for _, o := range req.GetOrders().GetOrders() {
		if o.GetErase() {
			out.Found = append(out.Found, &holderv1.Found{Part: o.GetPart()})
		}
	}
	if l.verify != nil {
		l.verify(out)
	}
	return out, nil
}

func (l liar) CollectData(_ *holderv1.CollectDataRequest, stream holderv1.DataHolderService_CollectDataServer) error {
	if l.collect == nil {
		return nil
	}
	return l.collect(stream)
}

func (l liar) EraseData(stream holderv1.DataHolderService_EraseDataServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if l.erase != nil {
		return l.erase(first.GetOrders().GetOrders(), stream)
	}
	return honest(first.GetOrders().GetOrders(), stream)
}

// honest says that each row ordered erased was deleted, with leave.
func honest(orders []*holderv1.Order, stream holderv1.DataHolderService_EraseDataServer) error {
	if err := stream.Send(&holderv1.EraseDataResponse{Done: deleted(orders)}); err != nil {
		return err
	}
	if _, err := stream.Recv(); err != nil {
		return err
	}
	return stream.Send(&holderv1.EraseDataResponse{Done: deleted(orders), Finished: true})
}

func deleted(orders []*holderv1.Order) []*holderv1.Done {
	var out []*holderv1.Done
	for _, o := range orders {
		d := &holderv1.Done{Part: o.GetPart()}
		if o.GetErase() {
			d.Deleted = o.GetRows()
		}
		out = append(out, d)
	}
	return out
}

// against opens the liar.
func against(t *testing.T, l liar, idle ...time.Duration) connector.System {
	t.Helper()
	place := rpctest.NewPlace(t)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{place.Identity(t, "crm").Certificate},
	})))
	holderv1.RegisterDataHolderServiceServer(server, l)
	return open(t, place, listen(t, server), "fulfilment", described(t, connectortest.Described), idle...)
}

func ada() connector.Person {
	return connector.Person{Identifiers: []connector.Identifier{{Kind: "email", Value: "ada@example.org"}}, Key: []byte("a key of 32 bytes for the tests.")}
}

func ordered() []connector.Order {
	var out []connector.Order
	for _, p := range liesParts() {
		out = append(out, connector.Order{Part: connector.Part{Collection: p.GetCollection(), Category: p.GetCategory()}, Erase: true, Rows: 1})
	}
	out[0].Erase = false
	return out
}

func agreed(context.Context, []connector.Done) error { return nil }

func TestAnAnswerHasEachPartOnceAndNoOther(t *testing.T) {
	for name, bend := range map[string]func(all []*holderv1.Found) []*holderv1.Found{
		"a part is missing":   func(all []*holderv1.Found) []*holderv1.Found { return all[1:] },
		"nothing at all":      func([]*holderv1.Found) []*holderv1.Found { return nil },
		"a part stands twice": func(all []*holderv1.Found) []*holderv1.Found { return append(all[1:], all[1]) },
		"a part that nobody knows": func(all []*holderv1.Found) []*holderv1.Found {
			return append(all, &holderv1.Found{Part: &holderv1.Part{Collection: "salary", Category: "user.financial"}})
		},
		"a digest of another length": func(all []*holderv1.Found) []*holderv1.Found {
			all[0].Digest = []byte{1}
			return all
		},
	} {
		s := against(t, liar{locate: func(r *holderv1.LocateDataResponse) { r.Found = bend(r.GetFound()) }})
		if _, err := s.Locate(t.Context(), ada()); !errors.Is(err, connector.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bend := range map[string]func(all []*holderv1.Found) []*holderv1.Found{
		"a part is missing": func(all []*holderv1.Found) []*holderv1.Found { return all[1:] },
		"one that is kept": func(all []*holderv1.Found) []*holderv1.Found {
			return append(all, &holderv1.Found{Part: liesParts()[0]})
		},
	} {
		s := against(t, liar{verify: func(r *holderv1.VerifyDataResponse) { r.Found = bend(r.GetFound()) }})
		if _, err := s.Verify(t.Context(), ada(), ordered()); !errors.Is(err, connector.ErrMismatch) {
			t.Errorf("verify, %s: %v", name, err)
		}
	}
}

func TestWhatWasNotAnnouncedCountsAsNotDone(t *testing.T) {
	say := func(finished bool, change func([]*holderv1.Done) []*holderv1.Done) func([]*holderv1.Order, holderv1.DataHolderService_EraseDataServer) error {
		return func(orders []*holderv1.Order, stream holderv1.DataHolderService_EraseDataServer) error {
			if err := stream.Send(&holderv1.EraseDataResponse{Finished: finished, Done: change(deleted(orders))}); err != nil || finished {
				return err
			}
			if _, err := stream.Recv(); err != nil {
				return err
			}
			return stream.Send(&holderv1.EraseDataResponse{Finished: true, Done: deleted(orders)})
		}
	}
	same := func(all []*holderv1.Done) []*holderv1.Done { return all }
	for name, c := range map[string]struct {
		erase func([]*holderv1.Order, holderv1.DataHolderService_EraseDataServer) error
		want  error
	}{
		"an honest one":                  {honest, nil},
		"finished before it was allowed": {say(true, same), connector.ErrMismatch},
		"done is not what was told":      {say(false, func(all []*holderv1.Done) []*holderv1.Done { all[1].Deleted = 0; return all }), connector.ErrMismatch},
		"a part is missing":              {say(false, func(all []*holderv1.Done) []*holderv1.Done { return all[1:] }), connector.ErrMismatch},
		"more rows than were ordered":    {say(false, func(all []*holderv1.Done) []*holderv1.Done { all[1].Deleted = 7; return all }), connector.ErrMismatch},
		"counts that overflow": {say(false, func(all []*holderv1.Done) []*holderv1.Done {
			all[1].Deleted, all[1].Masked = 1<<63, 1<<63
			return all
		}), connector.ErrMismatch},
		"what is kept has gone":  {say(false, func(all []*holderv1.Done) []*holderv1.Done { all[0].Masked = 1; return all }), connector.ErrMismatch},
		"it ends without a word": {func([]*holderv1.Order, holderv1.DataHolderService_EraseDataServer) error { return nil }, connector.ErrUnreachable},
		"it is silent": {func(_ []*holderv1.Order, stream holderv1.DataHolderService_EraseDataServer) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		}, connector.ErrUnreachable},
		"it ends after it was allowed": {func(orders []*holderv1.Order, stream holderv1.DataHolderService_EraseDataServer) error {
			if err := stream.Send(&holderv1.EraseDataResponse{Done: deleted(orders)}); err != nil {
				return err
			}
			_, err := stream.Recv()
			return err
		}, connector.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			var idle []time.Duration
			if name == "it is silent" {
				idle = append(idle, 100*time.Millisecond)
			}
			if _, err := against(t, liar{erase: c.erase}, idle...).Erase(t.Context(), ada(), ordered(), agreed); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestWhatIsShownAfterAnErasureIsLeft(t *testing.T) {
	row := func(shared bool, email, name string) func(holderv1.DataHolderService_CollectDataServer) error {
		return func(stream holderv1.DataHolderService_CollectDataServer) error {
			text := func(s string) *holderv1.Value { return &holderv1.Value{Kind: &holderv1.Value_Text{Text: s}} }
			return stream.Send(&holderv1.CollectDataResponse{Collection: "contact", Shared: shared, Fields: []*holderv1.Field{
				{Name: "email", Value: text(email)}, {Name: "name", Value: text(name)},
			}})
		}
	}
	for name, c := range map[string]struct {
		collect func(holderv1.DataHolderService_CollectDataServer) error
		want    uint64
	}{
		"nothing":                       {nil, 0},
		"a name that was to go":         {row(false, "ada@example.org", "Ada Secret"), 1},
		"an address that is kept":       {row(false, "ada@example.org", ""), 0},
		"a row that is others' as well": {row(true, "ada@example.org", "Ada Secret"), 0},
	} {
		all, err := against(t, liar{collect: c.collect}).Verify(t.Context(), ada(), ordered())
		n := uint64(0)
		for _, f := range all {
			n += f.Rows
		}
		if err != nil || n != c.want {
			t.Errorf("%s: %d are left, want %d (%v)", name, n, c.want, err)
		}
	}
}

func TestNoTextOfTheServiceIsInAnError(t *testing.T) {
	for code, want := range map[codes.Code]error{
		codes.Unavailable: connector.ErrUnreachable, codes.PermissionDenied: connector.ErrDenied, codes.OutOfRange: connector.ErrMoved,
		codes.FailedPrecondition: connector.ErrConstraint, codes.Aborted: connector.ErrBusy, codes.Unimplemented: connector.ErrMismatch,
		codes.ResourceExhausted: connector.ErrTooLarge, codes.Internal: nil,
	} {
		s := against(t, liar{collect: func(holderv1.DataHolderService_CollectDataServer) error {
			return status.Error(code, "planted-secret of ada@example.org")
		}})
		err := s.Collect(t.Context(), ada(), func(connector.Row) error { return nil })
		if err == nil || strings.Contains(err.Error(), "planted") || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", code, err)
		}
	}
	s := against(t, liar{describe: func(r *holderv1.DescribeDataResponse) {
		r.Collections[0].Fields = append(slices.Clone(r.GetCollections()[0].GetFields()), &holderv1.DescribedField{Name: "planted-secret", Categories: []string{"user.name"}})
	}})
	if _, err := s.Check(t.Context()); err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("a description says %v", err)
	}
}
