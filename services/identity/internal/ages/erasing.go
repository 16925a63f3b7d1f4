package ages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"

	"github.com/google/uuid"
)

// rules are what the tenant's policies in force say about ages.
func (d Desk) rules(ctx context.Context, tenant string) ([]subject.Rule, error) {
	docs, err := inforce.Read(ctx, d.Policies, tenant)
	if err != nil {
		return nil, err
	}
	var out []subject.Rule
	for _, doc := range docs {
		if a := doc.Ages; a != nil {
			out = append(out, subject.Rule{Policy: doc.Policy, Minimum: a.Minimum, Representative: a.Representative, Cures: a.ParentalCures})
		}
	}
	return out, nil
}

// channel is how a request of the system's own came in.
const channel = "system.age"

// clientID is the id of the command by which the system asks for an erasure.
func clientID(tenant, ref, policy string, at time.Time) string {
	name := strings.Join([]string{"habeas", "age", tenant, ref, policy, fmt.Sprint(at.UnixMicro())}, "/")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}

// requestOf is the id that fulfilment gives the request of that command.
func requestOf(tenant, ref, policy string, at time.Time) string {
	return es.DeriveID(tenant, fulfilmentv1.RequestService_SubmitRequest_FullMethodName, clientID(tenant, ref, policy, at))
}

// Vouched reports whether a request is one that the system has made because of
// somebody's age: nobody has to prove that they are the child.
func Vouched(s subject.Subject, request string) bool {
	for _, b := range s.Blocks {
		if b.Request != "" && b.Request == request {
			return true
		}
	}
	return false
}

// The stored names of the events after which something may be left to do.
func interesting(event string) bool {
	switch event {
	case "subject.age_stated", "subject.mandate_recorded", "subject.mandate_ended", "subject.parental_consent_recorded",
		"subject.parental_consent_withdrawn", "subject.minor_blocked":
		return true
	}
	return false
}

// React does what a crash has left, and makes the requests for erasure. It is part
// of a process on the log; other commits are passed over.
func (d Desk) React(ctx context.Context, r es.Recorded) error {
	concerned := slices.ContainsFunc(r.Events, func(ev es.Event) bool { return interesting(ev.Type) })
	if r.Aggregate.Type != subject.AggregateType || !concerned {
		return nil
	}
	tenant, ref := r.Aggregate.Tenant, r.Aggregate.ID
	s, err := d.Registry.Load(ctx, tenant, ref)
	if err != nil || s.Phase != subject.Active {
		return err
	}
	if err := d.connected(); err != nil {
		return err
	}
	if s, err = d.settle(ctx, tenant, ref, s, es.DeriveID(tenant, "age-react", r.ID)); err != nil {
		return fmt.Errorf("settle age: %w", err)
	}
	for policy, b := range s.Blocks {
		if b.Request == "" {
			continue
		}
		if err := d.erase(ctx, tenant, ref, policy, s, b); err != nil {
			return fmt.Errorf("ask for erasure: %w", err)
		}
	}
	return nil
}

// erase asks fulfilment for the erasure of somebody whom a policy does not serve.
// Asking again is the same request.
func (d Desk) erase(ctx context.Context, tenant, ref, policy string, s subject.Subject, b subject.Block) error {
	if len(s.Held) == 0 {
		return nil
	}
	held := s.Held[0]
	if i := slices.IndexFunc(s.Held, func(i subject.Identifier) bool { return i.Kind == "email" }); i >= 0 {
		held = s.Held[i]
	}
	v, err := d.Registry.Open(ctx, purposeAge, tenant, ref, held)
	if err != nil {
		return err
	}
	kind := identityv1.IdentifierKind(identityv1.IdentifierKind_value["IDENTIFIER_KIND_"+strings.ToUpper(v.Kind)])
	_, err = d.Requests.SubmitRequest(client.WithTenant(ctx, tenant), &fulfilmentv1.SubmitRequestRequest{
		RequestId: clientID(tenant, ref, policy, b.Since), Right: fulfilmentv1.Right_RIGHT_ERASURE, Policy: policy, Channel: channel,
		Identifier: &identityv1.Identifier{Kind: kind, Value: v.Text},
	})
	if err != nil {
		return errors.Join(facts.ErrAway, err)
	}
	return nil
}
