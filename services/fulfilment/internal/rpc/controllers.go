package rpc

import (
	"context"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/protobuf/proto"
)

// RegisterController enters a controller, or changes it.
func (s *Server) RegisterController(ctx context.Context, r *fulfilmentv1.RegisterControllerRequest) (*fulfilmentv1.RegisterControllerResponse, error) {
	tenant := tenantOf(ctx)
	cmd := controllers.Register{Controller: r.GetController(), Title: r.GetTitle(), Contact: r.GetContact(), By: staff(ctx), At: s.Now()}
	for _, subject := range r.GetStaff() {
		cmd.Staff = append(cmd.Staff, kit.ActorID(tenant, subject))
	}
	token, err := s.ofControllers(ctx, r.GetRequestId(), r, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.RegisterControllerResponse{ConsistencyToken: token}, nil
}

// EndController records that the tenant is no longer its processor.
func (s *Server) EndController(ctx context.Context, r *fulfilmentv1.EndControllerRequest) (*fulfilmentv1.EndControllerResponse, error) {
	token, err := s.ofControllers(ctx, r.GetRequestId(), r, controllers.End{
		Controller: r.GetController(), Reason: r.GetReason(), By: staff(ctx), At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.EndControllerResponse{ConsistencyToken: token}, nil
}

func (s *Server) ofControllers(ctx context.Context, id string, body proto.Message, data controllers.Command) (string, error) {
	cmd, err := command(s, id, body, data)
	if err != nil {
		return "", err
	}
	res, err := s.Controllers.Handle(ctx, carry.ControllersOf(tenantOf(ctx)), cmd)
	return res.Token().Encode(), err
}

// ListControllers lists those that have not ended.
func (s *Server) ListControllers(ctx context.Context, _ *fulfilmentv1.ListControllersRequest) (*fulfilmentv1.ListControllersResponse, error) {
	all, err := s.controllers(ctx)
	if err != nil {
		return nil, err
	}
	out := &fulfilmentv1.ListControllersResponse{}
	for _, c := range all.Entries {
		out.Controllers = append(out.Controllers, &fulfilmentv1.Controller{
			Controller: c.Controller, Title: c.Title, Contact: c.Contact, Staff: c.Staff, RegisteredAt: eventpb.Stamp(c.At),
		})
	}
	return out, nil
}

// controllers are those of the caller's tenant.
func (s *Server) controllers(ctx context.Context) (controllers.Controllers, error) {
	all, _, err := s.Controllers.Load(ctx, carry.ControllersOf(tenantOf(ctx)), es.Leader)
	return all, err
}

// controllerFor is whose data a new request is about: the controller that it names,
// or else the tenant's only one; empty where none is asked, or nobody knows yet.
func (s *Server) controllerFor(ctx context.Context, t request.Terms, named string) (string, error) {
	if t.Instructing.Period == "" {
		return "", nil
	}
	all, err := s.controllers(ctx)
	if err != nil || named == "" {
		return all.Only(), err
	}
	if _, there := all.Find(named); !there {
		return "", fault.FieldErrors{{Field: "controller", Rule: string(controllers.ErrUnknown), Text: "no such controller is registered"}}
	}
	return named, nil
}

// NameController says whose data a request is about.
func (s *Server) NameController(ctx context.Context, r *fulfilmentv1.NameControllerRequest) (*fulfilmentv1.NameControllerResponse, error) {
	_, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	all, err := s.controllers(ctx)
	if err != nil {
		return nil, err
	}
	if _, there := all.Find(r.GetController()); !there {
		return nil, controllers.ErrUnknown
	}
	_, there := all.Find(state.Instruction.Controller)
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, request.NameController{
		Controller: r.GetController(), By: staff(ctx), Gone: !there, At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.NameControllerResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// InstructRequest is the controller's word on a request.
func (s *Server) InstructRequest(ctx context.Context, r *fulfilmentv1.InstructRequestRequest) (*fulfilmentv1.InstructRequestResponse, error) {
	rejects := r.GetInstruction() == fulfilmentv1.Instruction_INSTRUCTION_REJECT
	if rejects != (r.GetRejection() != nil) {
		return nil, fault.FieldErrors{{Field: "rejection", Rule: "WITH_REJECT", Text: "is given if the request is rejected, and only then"}}
	}
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	all, err := s.controllers(ctx)
	if err != nil {
		return nil, err
	}
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err != nil {
		return nil, err
	}
	cmd := request.Instruct{By: staff(ctx), Speaks: all.Speaks(staff(ctx), state.Instruction.Controller), Own: own, At: s.Now()}
	if rejects {
		rejection, barred, err := s.rejection(ctx, state, r.GetRejection(), true)
		if err != nil {
			return nil, err
		}
		cmd.Reject, cmd.Barred = &rejection, barred
	}
	res, err := s.change(ctx, r.GetRequest(), r.GetRequestId(), r, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.InstructRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}
