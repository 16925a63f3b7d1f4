// Package checks keeps what members of staff find out about who asks. What shows
// it is sealed under the request's evidence key and destroyed after 30 days, or
// with the request, whichever is first; that somebody was checked, by whom and
// how, stays.
package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	"google.golang.org/protobuf/proto"
)

// Evidence runs the commands of evidence.
type Evidence = es.Handler[evidence.Evidence, evidence.Command, evidence.Event]

// Timers wake evidence whose time is over.
type Timers interface {
	SetTimer(ctx context.Context, t jetstream.Timer) error
}

// Desk records checks and ends their evidence. Its fields are all required.
type Desk struct {
	Verifications otp.Verifications
	Evidence      Evidence
	// Destroy ends a key; the vault's.
	Destroy func(ctx context.Context, o vault.Order) error
	Timers  Timers
	// Life is how long evidence is kept at most.
	Life time.Duration
	Now  func() time.Time
}

// TimerEvidence wakes a request's evidence.
const TimerEvidence = "evidence"

// Aggregate is that of a request's evidence.
func Aggregate(tenant, request string) es.Aggregate {
	return es.Aggregate{Context: otp.Context, Tenant: tenant, Type: evidence.AggregateType, ID: request}
}

// Record records a check. Its evidence is sealed first: a check that counts has
// all of it. What would be refused keeps none.
func (d Desk) Record(
	ctx context.Context, tenant, id string, cmd otp.Command, review verification.Review, data []byte,
) (res otp.Result, ends time.Time, err error) {
	agg := otp.Aggregate(tenant, id)
	s, _, err := d.Verifications.Load(ctx, agg, es.Leader)
	if err != nil {
		return res, ends, err
	}
	review.At, review.Evidence = cmd.At, uint32(len(data)) //nolint:gosec // bounded by the contract
	if _, refused := verification.Decide(s, review); refused == nil && len(data) > 0 {
		check := es.DeriveID(tenant, identityv1.CheckService_RecordCheck_FullMethodName, cmd.ID)
		if ends, err = d.keep(ctx, Aggregate(tenant, s.Request), check, data); err != nil {
			return res, ends, err
		}
	}
	cmd.Data = review
	res, err = d.Verifications.Handle(ctx, agg, cmd)
	return res, ends, err
}

// keep seals evidence, in parts that fit into commits.
func (d Desk) keep(ctx context.Context, agg es.Aggregate, check string, data []byte) (ends time.Time, err error) {
	number := uint32(0)
	for part := range slices.Chunk(data, evidence.PartBytes) {
		number++
		now := d.Now()
		res, err := d.Evidence.Handle(ctx, agg, es.Command[evidence.Command]{
			ID: es.StepID(agg, "keep/"+check, int(number)), At: now, Meta: es.Meta{Correlation: check},
			Data: evidence.Keep{Part: evidence.Part{Check: check, Number: number, Data: personal.Clear(string(part))}, Life: d.Life, At: now},
		})
		if err != nil {
			return ends, fmt.Errorf("keep evidence: %w", err)
		}
		ends = res.State.EndsAt
	}
	return ends, nil
}

// The stored names of the events that concern evidence.
const (
	eventKept = "evidence.kept"
	eventKey  = "keyring.key_destroyed"
)

// React sets the timer of evidence that was kept, and records that it ended with
// its key. It is part of a process on the log; other commits are passed over.
func (d Desk) React(ctx context.Context, r es.Recorded) error {
	switch r.Aggregate.Type {
	case evidence.AggregateType:
		s, _, err := d.Evidence.Load(ctx, r.Aggregate, es.Leader)
		if err != nil || s.Destroyed || !happened(r, eventKept) {
			return err
		}
		return d.Timers.SetTimer(ctx, jetstream.Timer{Aggregate: r.Aggregate, Name: TimerEvidence, At: s.EndsAt})
	case keyring.AggregateType:
		holder, err := seal.ParseHolder(r.Aggregate.ID)
		if err != nil || holder.Kind() != seal.Request || !endsEvidence(r) {
			return nil //nolint:nilerr // a holder of another kind is no request
		}
		return d.ended(ctx, Aggregate(r.Aggregate.Tenant, holder.Ref()), "KEY_DESTROYED")
	}
	return nil
}

func happened(r es.Recorded, event string) bool {
	return slices.ContainsFunc(r.Events, func(ev es.Event) bool { return ev.Type == event })
}

// endsEvidence reports whether an evidence key has ended.
func endsEvidence(r es.Recorded) bool {
	return slices.ContainsFunc(r.Events, func(ev es.Event) bool {
		var w identityv1.KeyDestroyed
		return ev.Type == eventKey && proto.Unmarshal(ev.Data, &w) == nil && w.GetClass() == sealv1.KeyClass_KEY_CLASS_EVIDENCE
	})
}

// ended records that the key of a request's evidence is gone.
func (d Desk) ended(ctx context.Context, agg es.Aggregate, reason string) error {
	s, _, err := d.Evidence.Load(ctx, agg, es.Leader)
	if err != nil || s.Destroyed || len(s.Parts) == 0 {
		return err
	}
	now := d.Now()
	_, err = d.Evidence.Handle(ctx, agg, es.Command[evidence.Command]{
		ID: es.StepID(agg, "destroy", 1), At: now, Data: evidence.Destroy{Reason: reason, At: now},
	})
	if err != nil {
		return fmt.Errorf("record end of evidence: %w", err)
	}
	return nil
}

// Due ends evidence whose time is over. It is the alarm's.
func (d Desk) Due(ctx context.Context, t jetstream.Timer) error {
	if t.Aggregate.Type != evidence.AggregateType {
		return nil
	}
	s, _, err := d.Evidence.Load(ctx, t.Aggregate, es.Leader)
	if err != nil || s.Destroyed || len(s.Parts) == 0 {
		return err
	}
	if !s.Due(d.Now()) { // the clock that woke us is ahead of ours
		return d.Timers.SetTimer(ctx, jetstream.Timer{Aggregate: t.Aggregate, Name: TimerEvidence, At: s.EndsAt})
	}
	return d.end(ctx, t.Aggregate)
}

// end destroys the key first, and then records that it is gone. Where a crash
// comes in between, it is done again.
func (d Desk) end(ctx context.Context, agg es.Aggregate) error {
	holder, err := seal.NewHolder(seal.Request, agg.ID)
	if err != nil {
		return fmt.Errorf("name holder: %w", err)
	}
	err = d.Destroy(ctx, vault.Order{
		Key:    seal.KeyID{Tenant: agg.Tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_EVIDENCE},
		Reason: "evidence-expired", CommandID: es.StepID(agg, "destroy", 1),
	})
	if err != nil {
		return fmt.Errorf("destroy evidence key: %w", err)
	}
	return d.ended(ctx, agg, evidence.ReasonExpired)
}

// Alarm ends evidence at its time.
func (d Desk) Alarm() jetstream.Alarm {
	return jetstream.Alarm{Name: "evidence", Context: otp.Context, Due: d.Due}
}
