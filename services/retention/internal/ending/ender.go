package ending

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

const (
	// System stands in permits for the keys of conversations.
	System = "message-keys"
	// atOnce is how many conversations are ended at a time: each may have to wait
	// for the fence.
	atOnce = 8
	// most is how many periods' keys one call ends.
	most = 32
)

// Keys is the part of identity that ends keys.
type Keys interface {
	DestroyKeys(ctx context.Context, in *identityv1.DestroyKeysRequest, opts ...grpc.CallOption) (*identityv1.DestroyKeysResponse, error)
}

// Permits are what nothing is destroyed without.
type Permits interface {
	Leave(ctx context.Context, tenant, subject, step string, data person.RequestPermit) (rpc.Leave, error)
	Return(ctx context.Context, tenant string, l rpc.Leave)
}

// Ender ends the keys of periods that are due.
type Ender struct {
	Clocks        *Clocks
	Conversations rpc.Conversations
	Permits       Permits
	Keys          Keys
	Now           func() time.Time
	Every         time.Duration // how often it looks
	Log           *slog.Logger
}

// Run looks again and again until ctx ends. What fails, and what waits for the
// end of a hold, is tried again the next time; several instances end a key once,
// because the conversation's own state decides.
func (e Ender) Run(ctx context.Context) error {
	tick := time.NewTicker(e.Every)
	defer tick.Stop()
	for {
		if err := e.End(ctx); err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "keys of conversations were not ended", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// End ends what is due by now. One conversation that fails keeps no other from it.
func (e Ender) End(ctx context.Context) error {
	due := e.Clocks.due(e.Now())
	failed := make([]error, len(due))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, agg := range due {
		g.Go(func() error {
			if err := e.one(ctx, agg); err != nil {
				failed[i] = fmt.Errorf("end keys of a conversation: %w", err)
			}
			return nil
		})
	}
	_ = g.Wait() // each error is kept in its place
	return errors.Join(failed...)
}

// one ends the keys of one conversation: with a permit of every participant, and
// before the first of these ends.
func (e Ender) one(ctx context.Context, agg es.Aggregate) error {
	state, head, err := e.Conversations.Load(ctx, agg, es.Leader)
	if err != nil {
		return err
	}
	periods := state.Due(e.Now())
	if len(periods) == 0 {
		return nil
	}
	periods = periods[:min(len(periods), most)]
	step := func(name string) string { return es.StepID(agg, name+"/"+strconv.FormatUint(head.Version, 10), 1) }
	// A permit is of this attempt alone: of two instances that shared one, the
	// first would give it back while the second still destroys.
	leaves, err := e.permits(ctx, agg, state.Participants, step("permit/"+rand.Text()))
	defer func() {
		for _, l := range leaves {
			e.Permits.Return(context.WithoutCancel(ctx), agg.Tenant, l)
		}
	}()
	var held *heldError
	if errors.As(err, &held) {
		return e.handle(ctx, agg, step("defer"), conversation.Defer{Periods: periods, HeldFor: held.ref, At: e.Now()})
	}
	if err != nil {
		return err
	}
	if err := e.handle(ctx, agg, step("begin"), conversation.Begin{Periods: periods, At: e.Now()}); err != nil {
		return err
	}
	residue, err := e.destroy(ctx, agg, periods, leaves)
	if err != nil {
		return err
	}
	return e.handle(ctx, agg, step("end"), conversation.End{Periods: periods, ResidueEnds: residue, At: e.Now()})
}

// heldError says for whom a hold binds.
type heldError struct{ ref string }

func (*heldError) Error() string { return "a participant is on hold" }

// permits asks for everyone's.
func (e Ender) permits(ctx context.Context, agg es.Aggregate, participants []string, step string) ([]rpc.Leave, error) {
	var out []rpc.Leave
	for _, ref := range participants {
		l, err := e.Permits.Leave(ctx, agg.Tenant, ref, step, person.RequestPermit{Request: agg.ID, System: System})
		if errors.Is(err, person.ErrOnHold) {
			return out, &heldError{ref}
		}
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (e Ender) destroy(ctx context.Context, agg es.Aggregate, periods []uint32, leaves []rpc.Leave) (time.Time, error) {
	req := &identityv1.DestroyKeysRequest{RequestId: es.StepID(agg, "destroy", int(periods[0])), Reason: "period-over"}
	for _, n := range periods {
		holder, err := seal.NewConversation(agg.ID, strconv.FormatUint(uint64(n), 10))
		if err != nil {
			return time.Time{}, err
		}
		req.Keys = append(req.Keys, &identityv1.KeyName{Holder: holder.String(), Class: sealv1.KeyClass_KEY_CLASS_MESSAGE})
	}
	for _, l := range leaves {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.Now().Add(l.Ends.Sub(e.Now())))
		defer cancel()
	}
	got, err := e.Keys.DestroyKeys(client.WithTenant(ctx, agg.Tenant), req)
	if err != nil {
		return time.Time{}, err
	}
	return eventpb.Moment(got.GetResidueEndsAt()), nil
}

func (e Ender) handle(ctx context.Context, agg es.Aggregate, id string, data conversation.Command) error {
	_, err := e.Conversations.Handle(ctx, agg, es.Command[conversation.Command]{
		ID: id, At: e.Now(), Meta: es.Meta{Correlation: agg.ID}, Data: data,
	})
	return err
}
