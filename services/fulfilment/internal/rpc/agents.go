package rpc

import (
	"context"
	"errors"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Agents implements AgentRequestService.
type Agents struct {
	fulfilmentv1.UnimplementedAgentRequestServiceServer
	*Server
	Directory identityv1.AgentServiceClient
}

// agentChannel is how such a request came in.
const agentChannel = "agent.drp"

// SubmitAgentRequest takes a message. All that can be wrong with it is looked at
// before it is used up, but for what identity alone knows: who signed it, and
// whether it was used before.
func (s *Agents) SubmitAgentRequest(
	ctx context.Context, r *fulfilmentv1.SubmitAgentRequestRequest,
) (*fulfilmentv1.SubmitAgentRequestResponse, error) {
	said, who, err := read(r.GetMessage())
	if err != nil {
		return nil, err
	}
	tenant, now := tenantOf(ctx), s.Now()
	agg := carry.RequestOf(tenant, es.DeriveID(tenant, fulfilmentv1.AgentRequestService_SubmitAgentRequest_FullMethodName, r.GetRequestId()))
	right, asks := rightOf(said.Exercise)
	submit := request.Submit{
		Right: right, Kind: uint8(who.GetKind()), Identifier: personal.Clear(who.GetValue()), //nolint:gosec // a small number
		Channel: agentChannel, Agent: r.GetAgent(), TakenBy: staff(ctx), ReceivedAt: now, At: now,
	}
	if asks {
		if submit.Terms, err = s.Pinner.Pin(ctx, tenant, terms.Asked{Right: right, Policy: r.GetPolicy(), Theirs: true, ReceivedAt: now}); err != nil {
			return nil, err
		}
		if submit.Terms.Controller, err = s.controllerFor(ctx, submit.Terms, ""); err != nil {
			return nil, err
		}
	}
	used, err := s.Directory.UseMandate(client.WithTenant(ctx, tenant), &identityv1.UseMandateRequest{
		RequestId: r.GetRequestId(), Agent: r.GetAgent(), Message: r.GetMessage(), Request: agg.ID, Permission: r.GetPermission(),
	})
	if err != nil {
		return nil, theirAnswer(err)
	}
	if !asks { // identity hands it to consent; anything else it has refused
		return &fulfilmentv1.SubmitAgentRequestResponse{Status: &fulfilmentv1.AgentRequestStatus{
			Request: used.GetMandate(), Status: drp.StatusInProgress, ReceivedAt: stamped(now),
		}}, nil
	}
	submit.Mandate = used.GetMandate()
	cmd, err := command[request.Command](s.Server, r.GetRequestId(), r, submit)
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.SubmitAgentRequestResponse{Status: &fulfilmentv1.AgentRequestStatus{
		Request: agg.ID, Status: drp.StatusOpen, ReceivedAt: stamped(res.State.ReceivedAt), ExpectedBy: stamped(res.State.Terms.DueAt),
	}, ConsistencyToken: res.Token().Encode()}, nil
}

var stamped = eventpb.Stamp

// read is what a message says, and by what it names the person.
func read(message string) (drp.Request, *identityv1.Identifier, error) {
	signed, err := drp.Open(message)
	if err != nil {
		return drp.Request{}, nil, unreadable(err)
	}
	said, err := signed.Parse()
	if err != nil {
		return said, nil, unreadable(err)
	}
	who, field := &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: said.Email}, "email"
	if said.Email == "" {
		who, field = &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: said.PhoneNumber}, "phone_number"
	}
	value, err := spelled(who)
	if err != nil {
		return said, nil, unreadable(drp.Malformed{Field: field, Rule: "IDENTIFIER", Text: "names nobody"})
	}
	who.Value = value
	return said, who, nil
}

// rightOf is the right that an agent exercises; false for what is no request of
// this service.
func rightOf(exercise string) (request.Right, bool) {
	switch exercise {
	case drp.Access, drp.AccessSpecific:
		return request.Access, true
	case drp.Deletion:
		return request.Erasure, true
	}
	return 0, false
}

// unreadable names the field of a message that is wrong.
func unreadable(err error) error {
	var m drp.Malformed
	if !errors.As(err, &m) {
		return err
	}
	field := "message"
	if m.Field != "" {
		field += "." + m.Field
	}
	return fault.FieldErrors{{Field: field, Rule: m.Rule, Text: m.Text}}
}

// theirAnswer is what identity said of a message, as this service's own answer:
// its rules are the caller's to know. Anything else that went wrong stays inside.
func theirAnswer(err error) error {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			if s, _ := drp.Refused(info.GetReason()); s.Status != "" || st.Code() == codes.Unavailable || st.Code() == codes.AlreadyExists {
				return fault.New(st.Code(), info.GetReason(), st.Message())
			}
		}
	}
	return err
}

// GetAgentRequest says how a request stands.
func (s *Agents) GetAgentRequest(ctx context.Context, r *fulfilmentv1.GetAgentRequestRequest) (*fulfilmentv1.GetAgentRequestResponse, error) {
	agg := carry.RequestOf(tenantOf(ctx), r.GetRequest())
	state, _, err := s.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return nil, err
	}
	if !state.Submitted {
		return s.optOut(ctx, r)
	}
	if state.Agent != r.GetAgent() {
		return nil, request.ErrNoRequest
	}
	told, details := told(state)
	out := &fulfilmentv1.AgentRequestStatus{
		Request: agg.ID, Status: told.Status, Reason: told.Reason, ReceivedAt: stamped(state.ReceivedAt), ProcessingDetails: details,
	}
	if !state.Closed {
		out.ExpectedBy = stamped(state.Terms.DueAt)
	}
	return &fulfilmentv1.GetAgentRequestResponse{Status: out}, nil
}

// optOut says how an opt-out stands. It is fulfilled also where nobody was known:
// whom a tenant knows, an agent does not learn.
func (s *Agents) optOut(ctx context.Context, r *fulfilmentv1.GetAgentRequestRequest) (*fulfilmentv1.GetAgentRequestResponse, error) {
	m, err := s.Directory.GetMandate(client.WithTenant(ctx, tenantOf(ctx)), &identityv1.GetMandateRequest{Mandate: r.GetRequest()})
	if status.Code(err) == codes.NotFound {
		return nil, request.ErrNoRequest
	}
	if err != nil {
		return nil, err
	}
	if m.GetAgent() != r.GetAgent() || m.GetExercise() != drp.OptOut {
		return nil, request.ErrNoRequest
	}
	out := &fulfilmentv1.AgentRequestStatus{Request: r.GetRequest(), Status: drp.StatusInProgress, ReceivedAt: m.GetUsedAt()}
	if m.GetApplied() {
		out.Status = drp.StatusFulfilled
	}
	return &fulfilmentv1.GetAgentRequestResponse{Status: out}, nil
}

// Codes that say more than the protocol's words.
const (
	detailsRetained   = "RETAINED_PARTS"
	detailsDuplicate  = "ANSWERED_WITH_ANOTHER"
	detailsIncomplete = "INCOMPLETE"
)

// told is how a request stands, in the protocol's words. A person whom nobody
// knows and one who has not answered are told apart by nothing; nor are one about
// whom something was found and one about whom nothing was.
func told(s request.Request) (told drp.Status, details string) {
	if !s.Closed {
		switch {
		case s.Verification == "":
			return drp.Status{Status: drp.StatusOpen}, ""
		case !s.Assured():
			return drp.Status{Status: drp.StatusInProgress, Reason: drp.NeedUserVerification}, ""
		}
		return drp.Status{Status: drp.StatusInProgress}, ""
	}
	switch s.Outcome {
	case request.Complete, request.CompleteWithRetained, request.NothingHeld, request.Duplicate:
		return ended(s)
	case request.NotVerified:
		return drp.Status{Status: drp.StatusDenied, Reason: drp.InsufVerification}, ""
	case request.WithdrawnByPerson:
		return drp.Status{Status: drp.StatusRevoked}, ""
	case request.CancelledByPerson:
		if s.Cancelled == "NOT_ME" {
			return drp.Status{Status: drp.StatusDenied, Reason: drp.SuspectedFraud}, ""
		}
		return drp.Status{Status: drp.StatusRevoked}, ""
	case request.Incomplete:
		return drp.Status{Status: drp.StatusDenied, Reason: drp.Other}, detailsIncomplete
	case request.NoOutcome:
	}
	return drp.Status{Status: drp.StatusDenied, Reason: drp.Other}, ""
}

// ended is how a request that was carried out stands.
func ended(s request.Request) (told drp.Status, details string) {
	switch {
	case s.Right == request.Access && s.Package.Name != "" && s.Package.Expired:
		return drp.Status{Status: drp.StatusExpired}, ""
	case s.Outcome == request.CompleteWithRetained:
		return drp.Status{Status: drp.StatusFulfilled}, detailsRetained
	case s.Outcome == request.Duplicate:
		return drp.Status{Status: drp.StatusFulfilled}, detailsDuplicate
	}
	return drp.Status{Status: drp.StatusFulfilled}, ""
}

// stopped reports whether the person has taken back what the agent of a request may
// ask. Before anybody has proven who asks, nobody knows whose docket would say so,
// and to look for it would tell who is known.
func (s *Server) stopped(ctx context.Context, agg es.Aggregate, state request.Request) (bool, error) {
	if state.Agent == "" || state.SubjectRef == "" || state.Placed || state.Closed {
		return false, nil
	}
	d, _, err := s.Dockets.Load(ctx, carry.DocketOf(agg.Tenant, state.SubjectRef), es.Leader)
	return d.Stops(state.Agent, state.ReceivedAt), err
}

// RevokeAgent takes back what an agent may ask for a person.
func (s *Agents) RevokeAgent(ctx context.Context, r *fulfilmentv1.RevokeAgentRequest) (*fulfilmentv1.RevokeAgentResponse, error) {
	at := s.Now().Truncate(time.Microsecond)
	cmd, err := command[docket.Command](s.Server, r.GetRequestId(), r, docket.Command(nil))
	if err != nil {
		return nil, err
	}
	token, err := s.Carrier.RevokeAgent(ctx, tenantOf(ctx), r.GetSubjectRef(), cmd, docket.RevokeAgent{Agent: r.GetAgent(), At: at})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.RevokeAgentResponse{ConsistencyToken: token.Encode()}, nil
}
