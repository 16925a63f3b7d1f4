package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/types/known/durationpb"
)

// purpose is why this service reads keys and identifiers.
const purpose = "fulfilment"

const kindEmail = uint8(identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL)

// identifier opens what the request says about its requester.
func (j *journey) identifier(ctx context.Context) (*identityv1.Identifier, error) {
	value, err := eventpb.Open(ctx, j.cfg.Opener, purpose, j.agg, j.s.Identifier)
	if err != nil {
		return nil, fmt.Errorf("open identifier: %w", err)
	}
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind(j.s.Kind), Value: value}, nil
}

// SubmitterKey is the key of the mark by which a request knows who submitted it for
// themselves; empty once it is destroyed. ctx must name the tenant for calls to other
// services.
func (c *Carrier) SubmitterKey(ctx context.Context, agg es.Aggregate, s request.Request) (string, error) {
	key, err := eventpb.Open(ctx, c.cfg.Opener, "package", agg, s.SubmitterKey)
	if errors.Is(err, seal.ErrErased) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open submitter key: %w", err)
	}
	return key, nil
}

// verify asks identity to verify the person. Whether anybody is known is not
// told to whoever asked: the steps are the same.
func (j *journey) verify(ctx context.Context) error {
	ref, err := j.believed(ctx)
	if err != nil {
		return err
	}
	v, err := j.cfg.Peers.Verifications.StartVerification(ctx, &identityv1.StartVerificationRequest{
		RequestId: j.id("verify/"+ref, j.s.Renewals+1), Request: j.agg.ID, SubjectRef: ref,
		Right: rightName(j.s.Right), Submitter: j.s.Service,
	})
	if err != nil {
		return fmt.Errorf("start verification: %w", err)
	}
	if err := j.point(PointVerificationAsked); err != nil {
		return err
	}
	return j.note(ctx, request.StepVerify, request.NoteVerification{
		Verification: v.GetVerification(), ExpiresAt: v.GetExpiresAt().AsTime(), At: j.cfg.Now(),
	})
}

// believed is who is believed to ask: who was proven already, or who is known by
// the identifier of the request; empty if nobody is.
func (j *journey) believed(ctx context.Context) (string, error) {
	if j.s.SubjectRef != "" {
		return j.s.SubjectRef, nil
	}
	id, err := j.identifier(ctx)
	if err != nil {
		return "", err
	}
	found, err := j.cfg.Peers.Subjects.ResolveSubject(ctx, &identityv1.ResolveSubjectRequest{Identifier: id})
	if err != nil && !gone(err) && !malformed(err) {
		return "", fmt.Errorf("resolve subject: %w", err)
	}
	return found.GetSubjectRef(), nil
}

// grace is how long after its end a verification may still be decided.
const grace = 30 * time.Second

func (j *journey) followUp(ctx context.Context) error {
	_, err := j.FollowUp(ctx, j.agg, j.s)
	return err
}

// FollowUp asks identity how a request's verification stands and records what
// has been decided. The token lets a read see it. ctx must name the tenant for
// calls to other services.
func (c *Carrier) FollowUp(ctx context.Context, agg es.Aggregate, s request.Request) (es.Token, error) {
	v, err := c.cfg.Peers.Verifications.GetVerification(ctx, &identityv1.GetVerificationRequest{Verification: s.Verification})
	if err != nil {
		return nil, fmt.Errorf("get verification: %w", err)
	}
	now := c.cfg.Now()
	var cmd request.Command
	switch v.GetState() {
	case identityv1.VerificationState_VERIFICATION_STATE_PASSED:
		cmd = request.Verify{SubjectRef: v.GetSubjectRef(), Level: v.GetAssuranceLevel(), Method: v.GetMethod(), By: v.GetCheckedBy(), At: now}
	case identityv1.VerificationState_VERIFICATION_STATE_FAILED:
		cmd = request.FailVerification{Reason: "VERIFICATION_FAILED", Denied: v.GetCheckedBy() != "", At: now}
	case identityv1.VerificationState_VERIFICATION_STATE_OPEN, identityv1.VerificationState_VERIFICATION_STATE_UNSPECIFIED:
		if until := v.GetExpiresAt().AsTime(); until.After(s.VerificationAt) { // staff is going to check
			cmd = request.ExtendVerification{ExpiresAt: until, At: now}
			break
		}
		if now.Before(s.VerificationAt.Add(grace)) {
			return nil, failNotOver
		}
		cmd = request.FailVerification{Reason: "VERIFICATION_EXPIRED", At: now}
	}
	res, err := c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, string(request.StepFollowUp), s.Events), At: now, Meta: es.Meta{Correlation: agg.ID}, Data: cmd,
	})
	if err != nil {
		return nil, fmt.Errorf("record verification: %w", err)
	}
	return res.Token(), nil
}

// contact keeps where the person can be told: identity may have forgotten it by
// then. Whom it has forgotten already is told where the request came from.
func (j *journey) contact(ctx context.Context) error {
	people, err := j.identifiers(ctx)
	if errors.Is(err, failForgotten) {
		people, err = j.own(ctx)
	}
	if err != nil {
		return err
	}
	address := personal.Text{}
	if i := slices.IndexFunc(people, func(p connector.Identifier) bool { return p.Kind == "email" }); i >= 0 {
		address = personal.Clear(people[i].Value)
	}
	return j.note(ctx, request.StepContact, request.NoteContact{Address: address})
}

// own is the identifier that the request brought, if it brought one.
func (j *journey) own(ctx context.Context) ([]connector.Identifier, error) {
	if j.s.Partial() {
		return nil, nil
	}
	id, err := j.identifier(ctx)
	if err != nil {
		return nil, err
	}
	return []connector.Identifier{plain(id)}, nil
}

// identifiers are all by which identity knows the person now; the one that the
// request brought comes first if it is among them. It does not count otherwise:
// an address that has moved is somebody else's by now. failForgotten says that
// nobody is known by any.
func (j *journey) identifiers(ctx context.Context) ([]connector.Identifier, error) {
	own, err := j.own(ctx)
	if err != nil {
		return nil, err
	}
	known, err := j.cfg.Peers.Subjects.ListIdentifiers(client.WithPurpose(ctx, purpose), &identityv1.ListIdentifiersRequest{SubjectRef: j.s.SubjectRef})
	if gone(err) {
		return nil, failForgotten
	}
	if err != nil {
		return nil, fmt.Errorf("list identifiers: %w", err)
	}
	var out []connector.Identifier
	for _, id := range known.GetIdentifiers() {
		switch p := plain(id); {
		case slices.Contains(out, p):
		case slices.Contains(own, p):
			out = slices.Insert(out, 0, p)
		default:
			out = append(out, p)
		}
	}
	return out, nil
}

// plain is an identifier as connectors know it, normalised.
func plain(id *identityv1.Identifier) connector.Identifier {
	value := strings.TrimSpace(id.GetValue())
	if id.GetKind() == identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL {
		value = strings.ToLower(value)
	}
	return connector.Identifier{
		Kind: strings.ToLower(strings.TrimPrefix(id.GetKind().String(), "IDENTIFIER_KIND_")), Value: value,
	}
}

// person is who is looked for in the systems.
func (j *journey) person(ctx context.Context) (connector.Person, error) {
	ids, err := j.identifiers(ctx)
	if err != nil {
		return connector.Person{}, err
	}
	key, err := eventpb.Open(ctx, j.cfg.Opener, purpose, j.agg, j.s.DigestKey)
	if err != nil {
		return connector.Person{}, fmt.Errorf("open digest key: %w", err)
	}
	return j.known(ids, key), nil
}

// known is a person as systems look for them. A zone that this machine does not
// know is none: days are taken for as long as can be.
func (j *journey) known(ids []connector.Identifier, key string) connector.Person {
	p := connector.Person{Identifiers: ids, Key: []byte(key)}
	if zone, err := time.LoadLocation(j.s.Terms.Zone); err == nil && j.s.Terms.Zone != "" {
		p.Zone = zone
	}
	return p
}

// searchFor is how long a system has from the listing of what the person is known
// by to the last row that is destroyed by it.
const searchFor = 2 * time.Minute

// search tells identity that the person is about to be looked for, under all that
// they are known by, and what is found destroyed: until the moment that it returns
// nobody is separated from them. It is asked before the identifiers are.
func (j *journey) search(ctx context.Context) (time.Time, error) {
	until := j.cfg.Now().Add(searchFor)
	_, err := j.cfg.Peers.Subjects.FixIdentifiers(ctx, &identityv1.FixIdentifiersRequest{
		RequestId: j.id("search", 1), SubjectRef: j.s.SubjectRef, Request: j.agg.ID, Search: durationpb.New(searchFor),
	})
	if err != nil && !gone(err) {
		return until, fmt.Errorf("begin search: %w", err)
	}
	return until, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// DocketOf is the docket of a person.
func DocketOf(tenant, subject string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: docket.AggregateType, ID: es.DeriveID(tenant, "docket", subject)}
}

// RequestOf is a request by its id.
func RequestOf(tenant, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: request.AggregateType, ID: id}
}

func (j *journey) enter(ctx context.Context) error {
	agg := DocketOf(j.agg.Tenant, j.s.SubjectRef)
	anew, err := j.anew(ctx, agg)
	if err != nil {
		return err
	}
	res, err := j.cfg.Dockets.Handle(ctx, agg, es.Command[docket.Command]{
		ID: j.id("enter", j.round()), At: j.cfg.Now(), Meta: es.Meta{Correlation: j.agg.ID},
		Data: docket.Enter{
			Request: j.agg.ID, Right: docket.Right(j.s.Right), Topic: j.s.Topic(), Anew: anew, Agent: j.s.Agent, Asked: j.s.ReceivedAt,
			Partial: j.s.Partial(), Again: j.s.Reopenings > 0,
		},
	})
	if err != nil {
		return fmt.Errorf("enter docket: %w", err)
	}
	if err := j.point(PointEntered); err != nil {
		return err
	}
	e, there := res.State.Find(j.agg.ID)
	switch {
	case !there && res.State.Stops(j.s.Agent, j.s.ReceivedAt):
		return j.note(ctx, request.StepEnter, request.Withdraw{At: j.cfg.Now()})
	case !there && j.s.Right == request.Erasure && res.State.Erased != "": // what it asks for has been done
		err = j.note(ctx, request.StepEnter, request.AnswerWith{Request: res.State.Erased, At: j.cfg.Now()})
	case !there && res.State.Answer(docket.Right(j.s.Right), j.s.Topic()) != "": // the answer has been given
		err = j.note(ctx, request.StepEnter, request.AnswerWith{Request: res.State.Answer(docket.Right(j.s.Right), j.s.Topic()), At: j.cfg.Now()})
	case !there: // answered or promoted meanwhile: the docket's own process tells
		return request.ErrOutOfStep
	case e.Place == docket.Active:
		err = j.note(ctx, request.StepEnter, request.Activate{At: j.cfg.Now()})
	default:
		err = j.note(ctx, request.StepEnter, request.Queue{
			Behind: e.Behind, SameRight: e.Place == docket.Duplicate, At: j.cfg.Now(),
		})
	}
	if errors.Is(err, request.ErrOutOfStep) { // it was withdrawn meanwhile: nobody waits behind it
		return errors.Join(err, j.quit(ctx, false))
	}
	return err
}

// anew reports whether what answered the topic of the request can't be had any more.
func (j *journey) anew(ctx context.Context, docketOf es.Aggregate) (bool, error) {
	d, _, err := j.cfg.Dockets.Load(ctx, docketOf, es.Leader)
	if err != nil {
		return false, fmt.Errorf("load docket: %w", err)
	}
	former := d.Answer(docket.Right(j.s.Right), j.s.Topic())
	if former == "" {
		return false, nil
	}
	s, _, err := j.cfg.Requests.Load(ctx, RequestOf(j.agg.Tenant, former), es.Leader)
	if err != nil {
		return false, fmt.Errorf("load former request: %w", err)
	}
	return !s.Package.Live(j.cfg.Now()), nil
}

// quit takes the request out of the docket; one that is not there is no error.
func (j *journey) quit(ctx context.Context, fulfilled bool) error {
	_, err := j.cfg.Dockets.Handle(ctx, DocketOf(j.agg.Tenant, j.s.SubjectRef), es.Command[docket.Command]{
		ID: j.id("leave", j.round()), At: j.cfg.Now(), Meta: es.Meta{Correlation: j.agg.ID},
		Data: docket.Leave{Request: j.agg.ID, Fulfilled: fulfilled},
	})
	if err != nil {
		return fmt.Errorf("leave docket: %w", err)
	}
	return nil
}

// leave tells the docket that the request is over.
func (j *journey) leave(ctx context.Context) error {
	fulfilled := slices.Contains([]request.Outcome{
		request.Complete, request.CompleteWithRetained, request.NothingHeld,
	}, j.s.Outcome)
	if err := j.quit(ctx, fulfilled); err != nil {
		return err
	}
	if err := j.point(PointLeft); err != nil {
		return err
	}
	return j.note(ctx, request.StepLeave, request.LeaveDocket{})
}

func (j *journey) freeze(ctx context.Context) error {
	_, err := j.cfg.Peers.Consent.ApplyFact(ctx, &consentv1.ApplyFactRequest{
		RequestId: j.id("freeze", j.round()), SubjectRef: j.s.SubjectRef, Fact: consentv1.Fact_FACT_RESTRICTED, Cause: j.agg.ID,
	})
	if err != nil {
		return fmt.Errorf("restrict: %w", err)
	}
	if err := j.fix(ctx, "fix", false); err != nil {
		return err
	}
	if err := j.point(PointFrozen); err != nil {
		return err
	}
	err = j.note(ctx, request.StepFreeze, request.Freeze{At: j.cfg.Now()})
	if errors.Is(err, request.ErrOutOfStep) { // it was withdrawn meanwhile: nobody stays restricted by it
		return errors.Join(err, j.lift(ctx, "lift"))
	}
	return err
}

// lift tells consent that the request restricts nobody.
func (j *journey) lift(ctx context.Context, step string) error {
	_, err := j.cfg.Peers.Consent.ApplyFact(ctx, &consentv1.ApplyFactRequest{
		RequestId: j.id(step, j.round()), SubjectRef: j.s.SubjectRef, Fact: consentv1.Fact_FACT_UNRESTRICTED, Cause: j.agg.ID,
	})
	if err != nil {
		return fmt.Errorf("lift restriction: %w", err)
	}
	return j.fix(ctx, step+"-identifiers", true)
}

// fix tells identity that the person is looked for by what they are known by
// now, or that it may change again.
func (j *journey) fix(ctx context.Context, step string, release bool) error {
	_, err := j.cfg.Peers.Subjects.FixIdentifiers(ctx, &identityv1.FixIdentifiersRequest{
		RequestId: j.id(step, j.round()), SubjectRef: j.s.SubjectRef, Request: j.agg.ID, Release: release,
	})
	if err != nil && !gone(err) {
		return fmt.Errorf("fix identifiers: %w", err)
	}
	return nil
}
