// Package rpc answers the book's calls: decode, handle, encode.
package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/personal"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/systemtest/sample"
	"habeas.internal/services/systemtest/sample/internal/view"
	"habeas.internal/services/systemtest/sample/internal/wire"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Handler runs the commands of books.
type Handler = es.Handler[sample.Book, sample.Command, sample.Event]

// Timers wakes books.
type Timers interface {
	SetTimer(ctx context.Context, t jetstream.Timer) error
}

// Server implements BookService.
type Server struct {
	samplev1.UnimplementedBookServiceServer
	Context string // the context that books live in
	Handler Handler
	Reader  *readmodel.Reader
	Opener  eventpb.Opener
	Timers  Timers
	Random  io.Reader
	Now     func() time.Time
}

// Book is the aggregate of a caller's book.
func (s *Server) book(ctx context.Context, id string) es.Aggregate {
	return es.Aggregate{Context: s.Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: sample.AggregateType, ID: id}
}

// command wraps what a client asks for. The body is the request itself.
func (s *Server) command(id string, request proto.Message, data sample.Command) (es.Command[sample.Command], error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return es.Command[sample.Command]{}, fmt.Errorf("encode command body: %w", err)
	}
	return es.Command[sample.Command]{ID: id, Client: true, Body: body, At: s.Now(), Meta: es.Meta{Correlation: id}, Data: data}, nil
}

// OpenBook opens a book whose id derives from the request's.
func (s *Server) OpenBook(ctx context.Context, r *samplev1.OpenBookRequest) (*samplev1.OpenBookResponse, error) {
	tenant := kit.PrincipalFrom(ctx).Tenant
	agg := s.book(ctx, es.DeriveID(tenant, samplev1.BookService_OpenBook_FullMethodName, r.GetRequestId()))
	closes := r.GetClosesAt().AsTime()
	cmd, err := s.command(r.GetRequestId(), r, sample.Open{ClosesAt: closes, At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Handler.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	// The timer is a hint. If setting it fails, the caller may ask again with
	// the same id, and the sweep is there for one who does not.
	if err := s.Timers.SetTimer(ctx, jetstream.Timer{Aggregate: agg, Name: sample.TimerClose, At: closes}); err != nil {
		return nil, err
	}
	return &samplev1.OpenBookResponse{Book: agg.ID, ConsistencyToken: res.Token().Encode()}, nil
}

var errFirstResult = errors.New("first result of the command holds no entry")

// Sign adds a guest under a fresh reference.
func (s *Server) Sign(ctx context.Context, r *samplev1.SignRequest) (*samplev1.SignResponse, error) {
	guest, err := es.NewID(s.Random)
	if err != nil {
		return nil, err
	}
	cmd, err := s.command(r.GetRequestId(), r, sample.Sign{Guest: guest, Name: personal.Clear(r.GetName()), At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Handler.Handle(ctx, s.book(ctx, r.GetBook()), cmd)
	if err != nil {
		return nil, err
	}
	for _, ev := range res.Events { // a repeat is answered with the first call's guest
		if e, ok := ev.(sample.Signed); ok {
			return &samplev1.SignResponse{Entry: e.Entry, Guest: e.Guest, ConsistencyToken: res.Token().Encode()}, nil
		}
	}
	return nil, errFirstResult
}

// CloseBook closes a book.
func (s *Server) CloseBook(ctx context.Context, r *samplev1.CloseBookRequest) (*samplev1.CloseBookResponse, error) {
	cmd, err := s.command(r.GetRequestId(), r, sample.Close{})
	if err != nil {
		return nil, err
	}
	res, err := s.Handler.Handle(ctx, s.book(ctx, r.GetBook()), cmd)
	if err != nil {
		return nil, err
	}
	return &samplev1.CloseBookResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// GetBook answers from the read model.
func (s *Server) GetBook(ctx context.Context, r *samplev1.GetBookRequest) (*samplev1.GetBookResponse, error) {
	want, err := es.ParseToken(r.GetConsistencyToken())
	if err != nil {
		return nil, err
	}
	f, err := view.Book(ctx, s.Reader, s.book(ctx, r.GetBook()), want)
	if err != nil {
		return nil, err
	}
	return &samplev1.GetBookResponse{Guests: f.Guests, Closed: f.Closed, Announced: f.Announced}, nil
}

// ListGuests opens the names of a book, one by one, from the log.
func (s *Server) ListGuests(r *samplev1.ListGuestsRequest, out grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
	ctx := out.Context()
	agg := s.book(ctx, r.GetBook())
	head, err := es.Fold(ctx, s.Handler.Verifier, es.Head{}, s.Handler.Store.Load(ctx, agg, 0, es.Leader), func(rec es.Recorded) error {
		events, err := s.Handler.Registry.DecodeAll(rec.Commit)
		if err != nil {
			return err
		}
		for _, ev := range events {
			e, ok := ev.(sample.Signed)
			if !ok {
				continue
			}
			kit.Saw(ctx, e.Guest)
			guest, err := s.guest(ctx, agg, e)
			if err != nil {
				return err
			}
			if err := out.Send(guest); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && head.Commits == 0 {
		return sample.ErrNoBook
	}
	kit.SawNobody(ctx) // beyond those that were declared one by one
	return err
}

// guest opens a name. What is erased says so; it is never an empty name.
func (s *Server) guest(ctx context.Context, agg es.Aggregate, e sample.Signed) (*samplev1.ListGuestsResponse, error) {
	name, err := eventpb.Open(ctx, s.Opener, kit.PurposeFrom(ctx), agg, e.Name)
	if errors.Is(err, seal.ErrErased) {
		return &samplev1.ListGuestsResponse{Entry: e.Entry, Erased: true}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open name: %w", err)
	}
	return &samplev1.ListGuestsResponse{Entry: e.Entry, Name: name}, nil
}

// NewHandler makes the handler of books on a log.
func NewHandler(h Handler, sealer eventpb.Sealer) (Handler, error) {
	codec, err := wire.Codec()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(sealer)
	h.Decide, h.Evolve = sample.Decide, sample.Evolve
	h.Refuse = func(reason string) error { return sample.Refusal(reason) }
	if h.Random == nil {
		h.Random = rand.Reader
	}
	return h, nil
}
