package mandates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// errNotConnected is facts'.
var errNotConnected = facts.ErrNotConnected

const (
	purposeOptOut = "opt-out"
	reasonApplied = "opt_out_applied"
)

// React hands opt-outs to consent. It is part of a process on the log: the answer
// to the agent was given before anybody looked whether the person is known.
func (d *Desk) React(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != mandate.AggregateType {
		return nil
	}
	s, _, err := d.Mandates.Load(ctx, r.Aggregate, es.Leader)
	if err != nil {
		return fmt.Errorf("load mandate: %w", err)
	}
	if s.Exercise != mandate.OptOut {
		return nil
	}
	if !s.Applied {
		if err := d.apply(ctx, r, s); err != nil {
			return err
		}
	}
	return d.forget(ctx, r.Aggregate.Tenant, s.Request)
}

func (d *Desk) apply(ctx context.Context, r es.Recorded, s mandate.Mandate) error {
	if d.Consent == nil || d.Policies == nil {
		return errNotConnected
	}
	people, err := d.people(ctx, r.Aggregate, s)
	if err != nil {
		return err
	}
	calling := client.WithTenant(ctx, r.Aggregate.Tenant)
	policies, err := inforce.Posted(calling, d.Policies)
	if err != nil {
		return err
	}
	for _, ref := range people {
		for _, policy := range policies {
			if err := d.optOut(calling, r.Aggregate, ref, policy, s.At); err != nil {
				return err
			}
		}
	}
	_, err = d.Mandates.Handle(ctx, r.Aggregate, es.Command[mandate.Command]{
		ID: es.StepID(r.Aggregate, "applied", 1), At: d.Now(), Meta: es.Meta{Correlation: s.Request, Causation: es.EventID(r.ID, 0)},
		Data: mandate.Apply{People: uint32(len(people)), At: d.Now()}, //nolint:gosec // at most one for each claim
	})
	if err != nil {
		return fmt.Errorf("record opt-out: %w", err)
	}
	return nil
}

// people are those whom the claims name.
func (d *Desk) people(ctx context.Context, agg es.Aggregate, s mandate.Mandate) ([]string, error) {
	var out []string
	for _, c := range s.Claims {
		value, err := eventpb.Open(ctx, d.Opener, purposeOptOut, agg, c.Value)
		if errors.Is(err, seal.ErrErased) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open claim: %w", err)
		}
		kind := "phone"
		if identityv1.IdentifierKind(c.Kind) == identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL {
			kind = "email"
		}
		ref, err := d.Registry.Resolve(ctx, agg.Tenant, registry.Value{Kind: kind, Text: value})
		switch {
		case errors.Is(err, subject.ErrNotFound):
		case err != nil:
			return nil, fmt.Errorf("resolve claim: %w", err)
		case !slices.Contains(out, ref):
			out = append(out, ref)
		}
	}
	return out, nil
}

func (d *Desk) optOut(ctx context.Context, agg es.Aggregate, ref, policy string, at time.Time) error {
	name := "habeas/agent/" + agg.Tenant + "/" + agg.ID + "/" + ref + "/" + policy
	_, err := d.Consent.ApplySignal(ctx, &consentv1.ApplySignalRequest{
		RequestId: uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String(), SubjectRef: ref, Policy: policy,
		Signals: []consentv1.Signal{consentv1.Signal_SIGNAL_OPT_OUT}, ReceivedAt: timestamppb.New(at),
	})
	if status.Code(err) == codes.NotFound {
		return nil // there is no such policy: nothing is disclosed under it
	}
	if err != nil {
		return fmt.Errorf("%w: apply opt-out: %w", facts.ErrAway, err)
	}
	return nil
}

// forget destroys the key of the claims, which nobody needs any more.
func (d *Desk) forget(ctx context.Context, tenant, request string) error {
	holder, err := seal.NewHolder(seal.Request, request)
	if err != nil {
		return fmt.Errorf("name holder: %w", err)
	}
	err = d.Destroy(ctx, vault.Order{
		Key: seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_EVIDENCE}, Reason: reasonApplied, CommandID: request,
	})
	if err != nil {
		return fmt.Errorf("destroy key of claims: %w", err)
	}
	return nil
}
