package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// Storage implements StorageService.
type Storage struct {
	retentionv1.UnimplementedStorageServiceServer
	*Server
	Accounts Accounts
	Limits   Limits
}

// atOnce is how many people one call is worked on for at a time: the log makes one
// write of what comes together.
const atOnce = 32

// told are the clocks that events move, by person.
type told struct {
	people []string
	clocks map[string][]person.Clock
}

// RecordStorageEvents starts and moves clocks.
func (s *Storage) RecordStorageEvents(
	ctx context.Context, r *retentionv1.RecordStorageEventsRequest,
) (*retentionv1.RecordStorageEventsResponse, error) {
	now := s.Now()
	limited, err := s.Limits.At(ctx, tenant(ctx), now)
	if err != nil {
		return nil, err
	}
	all, err := clocksOf(limited, r.GetEvents(), now)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	moved := make([]int, len(all.people))
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, who := range all.people {
		g.Go(func() error {
			res, err := s.handle(each, who, es.Command[person.Command]{
				ID:     es.DeriveID(tenant(ctx), retentionv1.StorageService_RecordStorageEvents_FullMethodName, r.GetRequestId()+"/"+who),
				Client: true, Body: body, At: now, Data: person.StartClocks{Clocks: all.clocks[who]},
			})
			for _, ev := range res.Events {
				if started, ok := ev.(person.ClocksStarted); ok {
					moved[i] = len(started.Clocks)
				}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := &retentionv1.RecordStorageEventsResponse{}
	for _, n := range moved {
		out.Clocks += uint32(n) //nolint:gosec // at most as many as events and policies
	}
	return out, nil
}

// clocksOf are the clocks that events move. Data of a category that no policy limits is
// refused: nobody would know when it has to go.
func clocksOf(limited Limited, events []*retentionv1.DataEvent, now time.Time) (told, error) {
	out := told{clocks: map[string][]person.Clock{}}
	for i, e := range events {
		field := fmt.Sprintf("events[%d]", i)
		at := e.GetOccurredAt().AsTime()
		if at.After(now) {
			return told{}, fault.FieldErrors{{Field: field + ".occurred_at", Rule: "IN_FUTURE", Text: "an event has happened before it is recorded"}}
		}
		limits := limited.Each("", func(l schedule.Limit) bool { return l.Covers(e.GetCategory()) })
		if len(limits) == 0 {
			return told{}, fault.FieldErrors{{
				Field: field + ".category", Rule: "CATEGORY_UNKNOWN", Text: "no policy in force says when data of this category ends",
			}}
		}
		for _, l := range limits {
			switch {
			case Purposeless(l.Limit):
				at = later(at, l.From)
			case l.StartsOn != wordOf(e.GetEvent()):
				continue
			}
			who := e.GetSubjectRef()
			if _, known := out.clocks[who]; !known {
				out.people = append(out.people, who)
			}
			out.clocks[who] = append(out.clocks[who], l.Clock(e.GetCategory(), e.GetSystem(), at))
		}
	}
	return out, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wordOf is what policies call an event.
func wordOf(e retentionv1.StorageEvent) string {
	return strings.ToLower(strings.TrimPrefix(e.String(), "STORAGE_EVENT_"))
}

// ListClocks says what of a person has to go by itself.
func (s *Storage) ListClocks(ctx context.Context, r *retentionv1.ListClocksRequest) (*retentionv1.ListClocksResponse, error) {
	who, err := s.together(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	out := &retentionv1.ListClocksResponse{}
	for _, k := range who.Clocks {
		out.Clocks = append(out.Clocks, &retentionv1.Clock{
			Policy: k.Policy, Category: k.Category, System: k.System, StartsOn: k.StartsOn, StartedAt: eventpb.Stamp(k.StartedAt),
			DueAt: eventpb.Stamp(k.DueAt), Clause: k.Clause, Ground: k.Ground, Authority: k.Authority,
			State: stateOf(who, k, s.Now()), Request: k.Request,
		})
	}
	return out, nil
}

func stateOf(who person.Person, k person.Clock, now time.Time) string {
	switch {
	case !k.Runs():
		return "announced"
	case k.DueAt.After(now):
		return "runs"
	case who.OnHold():
		return "hold"
	}
	return "due"
}

// OpenAccount adds people to an account. A process tells each of them.
func (s *Storage) OpenAccount(ctx context.Context, r *retentionv1.OpenAccountRequest) (*retentionv1.OpenAccountResponse, error) {
	res, err := s.account(ctx, r, r.GetAccount(), r.GetRequestId(), account.Add{Account: r.GetAccount(), People: r.GetSubjectRefs(), At: s.Now()})
	return &retentionv1.OpenAccountResponse{People: people32(res.State)}, err
}

// CloseAccount closes an account. A process closes it for each of its people.
func (s *Storage) CloseAccount(ctx context.Context, r *retentionv1.CloseAccountRequest) (*retentionv1.CloseAccountResponse, error) {
	now := s.Now()
	at := eventpb.Moment(r.GetClosedAt())
	if at.IsZero() {
		at = now
	}
	res, err := s.account(ctx, r, r.GetAccount(), r.GetRequestId(), account.Close{Account: r.GetAccount(), ClosedAt: at, At: now})
	if errors.Is(err, account.ErrInFuture) {
		err = fault.FieldErrors{{Field: "closed_at", Rule: "IN_FUTURE", Text: "an account is closed before that is recorded"}}
	}
	return &retentionv1.CloseAccountResponse{People: people32(res.State)}, err
}

// GetAccount says how an account stands.
func (s *Storage) GetAccount(ctx context.Context, r *retentionv1.GetAccountRequest) (*retentionv1.GetAccountResponse, error) {
	a, _, err := s.Accounts.Load(ctx, AccountOf(tenant(ctx), r.GetAccount()), es.Leader)
	if err == nil && a.Name == "" {
		err = account.ErrNoAccount
	}
	return &retentionv1.GetAccountResponse{People: people32(a), ClosedAt: eventpb.Stamp(a.ClosedAt)}, err
}

func people32(a account.Account) uint32 { return uint32(len(a.People)) } //nolint:gosec // bounded

func (s *Storage) account(
	ctx context.Context, r proto.Message, name, id string, data account.Command,
) (es.Result[account.Account, account.Event], error) {
	body, err := bodyOf(r)
	if err != nil {
		return es.Result[account.Account, account.Event]{}, err
	}
	return s.Accounts.Handle(ctx, AccountOf(tenant(ctx), name), es.Command[account.Command]{
		ID: id, Client: true, Body: body, At: s.Now(), Meta: es.Meta{Correlation: id}, Data: data,
	})
}
