package ages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/client"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// posted reads what the tenant's policies in force say about ages.
func (d Desk) posted(ctx context.Context, tenant string) (posted, error) {
	docs, err := inforce.Read(ctx, d.Policies, tenant)
	return postedIn(docs), err
}

func postedIn(docs []policydoc.Document) posted {
	var out posted
	for _, doc := range docs {
		out.names = append(out.names, doc.Policy)
		if a := doc.Ages; a != nil {
			out.rules = append(out.rules, subject.Rule{Policy: doc.Policy, Minimum: a.Minimum, Representative: a.Representative, Cures: a.ParentalCures})
		} else {
			out.free = true
		}
	}
	return out
}

// Terms are what a tenant's policies in force say about ages, as a text that
// differs if they do; empty while no policies can be asked for. read is how they are
// read: terms may be some minutes old, verdicts never are.
func (d Desk) Terms(ctx context.Context, tenant string, read func(context.Context, string) ([]policydoc.Document, error)) (string, error) {
	if d.connected() != nil {
		return "", nil
	}
	docs, err := read(ctx, tenant)
	if err != nil {
		return "", err
	}
	p := postedIn(docs)
	return fmt.Sprintf("%q %t %+v", p.names, p.free, p.rules), nil
}

// block is the command that says that a policy does not serve a person, and, where
// they are to be erased, the request for it. Its id is random, so that nobody can
// make that request in the system's stead.
func (d Desk) block(tenant, policy string, erase bool) (subject.Command, error) {
	out := subject.BlockMinor{Policy: policy, At: d.Now()}
	if erase {
		id, err := uuid.NewRandomFromReader(d.Random)
		if err != nil {
			return nil, fmt.Errorf("draw command id: %w", err)
		}
		out.Command = id.String()
		out.Request = es.DeriveID(tenant, fulfilmentv1.RequestService_SubmitRequest_FullMethodName, out.Command)
	}
	return out, nil
}

// Vouches reports whether a request is the system's own for the erasure of a person,
// by whichever of their references: nobody has to prove that they are the child.
func (d Desk) Vouches(ctx context.Context, tenant, ref, request string) (bool, error) {
	_, people, err := d.person(ctx, tenant, ref)
	if errors.Is(err, subject.ErrNotFound) {
		return false, nil
	}
	return err == nil && subject.Erases(request, people...), err
}

// person is everybody who is one person with a reference: the one that stays first.
func (d Desk) person(ctx context.Context, tenant, ref string) (refs []string, people []subject.Subject, err error) {
	root, who, err := d.Registry.Root(ctx, tenant, ref)
	if err != nil {
		return nil, nil, err
	}
	refs, people = append(refs, root), append(people, who)
	for _, m := range who.Standing() {
		other, err := d.Registry.Load(ctx, tenant, m.Other)
		if err != nil {
			return nil, nil, err
		}
		refs, people = append(refs, m.Other), append(people, other)
	}
	return refs, people, nil
}

// The stored names of the events after which something may be left to do.
func interesting(event string) bool {
	switch event {
	case "subject.age_stated", "subject.mandate_recorded", "subject.mandate_ended", "subject.parental_consent_recorded",
		"subject.parental_consent_withdrawn", "subject.minor_blocked", "subject.minor_unblocked",
		"subject.separated", "subject.merge_undone":
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
	p, err := d.posted(ctx, tenant)
	if err != nil {
		return err
	}
	if _, err = d.settle(ctx, tenant, ref, s, p, es.DeriveID(tenant, "age-react", r.ID)); err != nil {
		return fmt.Errorf("settle age: %w", err)
	}
	refs, people, err := d.person(ctx, tenant, ref)
	if err != nil {
		return err
	}
	for i, who := range people {
		for policy, b := range who.Blocks {
			if b.Command == "" || who.Phase != subject.Active || !subject.Erases(b.Request, people...) {
				continue
			}
			if err := d.erase(ctx, tenant, refs[i], policy, who, b); err != nil {
				return fmt.Errorf("ask for erasure: %w", err)
			}
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
		RequestId: b.Command, Right: fulfilmentv1.Right_RIGHT_ERASURE, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_SYSTEM_AGE,
		Identifier: &identityv1.Identifier{Kind: kind, Value: v.Text},
	})
	if err != nil && status.Code(err) != codes.AlreadyExists { // it was made by another identifier that was held then
		return errors.Join(facts.ErrAway, err)
	}
	return nil
}
