package cli

import (
	"context"
	"fmt"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func (a *app) controllerCommands() *cobra.Command {
	c := &cobra.Command{
		Use: "controller", Short: "the controllers whose processor you are, and their word on requests",
		Long: "Where a policy says so, an access or an erasure waits for the controller's instruction: its silence neither\n" +
			"carries it out nor ends it. `habeas request explain` says since when, and when it is reminded.",
	}
	c.AddCommand(a.controllerRegister(), a.controllerEnd(), a.controllerList(), a.controllerName(), a.controllerInstruct())
	return c
}

// ofControllers is a command that needs the controller service.
func (a *app) ofControllers(
	c *cobra.Command, do func(ctx context.Context, s fulfilmentv1.ControllerServiceClient, id string, args []string) (proto.Message, string, error),
) *cobra.Command {
	var r repeat
	c.RunE = func(c *cobra.Command, args []string) error {
		r.fill()
		return a.fulfilment(func(conn *grpc.ClientConn) error {
			resp, done, err := do(c.Context(), fulfilmentv1.NewControllerServiceClient(conn), r.id, args)
			if err != nil {
				return r.failed(err, false)
			}
			return a.showDone(resp, []string{done})
		})
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) controllerRegister() *cobra.Command {
	req := &fulfilmentv1.RegisterControllerRequest{}
	c := a.ofControllers(&cobra.Command{
		Use: "register CONTROLLER", Short: "enter a controller, or change it", Args: cobra.ExactArgs(1),
		Long: "Register takes the organisation's mail address for requests, which is nobody's own, and the subjects of the tokens\n" +
			"of those who speak for it; they need the role controller besides. It needs the role dpo and a recent stronger\n" +
			"authentication.",
	}, func(ctx context.Context, s fulfilmentv1.ControllerServiceClient, id string, args []string) (proto.Message, string, error) {
		req.RequestId, req.Controller = id, args[0]
		resp, err := s.RegisterController(ctx, req)
		return resp, fmt.Sprintf("controller %s is registered", args[0]), err
	})
	c.Flags().StringVar(&req.Title, "name", "", "its name")
	c.Flags().StringVar(&req.Contact, "contact", "", "its mail address for requests")
	c.Flags().StringSliceVar(&req.Staff, "staff", nil, "who speaks for it: the subject of their token; may be repeated")
	return c
}

func (a *app) controllerEnd() *cobra.Command {
	req := &fulfilmentv1.EndControllerRequest{}
	c := a.ofControllers(&cobra.Command{
		Use: "end CONTROLLER", Short: "record that you are no longer its processor", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, s fulfilmentv1.ControllerServiceClient, id string, args []string) (proto.Message, string, error) {
		req.RequestId, req.Controller = id, args[0]
		resp, err := s.EndController(ctx, req)
		return resp, fmt.Sprintf("nobody speaks for controller %s any more", args[0]), err
	})
	c.Flags().StringVar(&req.Reason, "reason", "", "why: a code such as contract_ended")
	return c
}

func (a *app) controllerList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the controllers", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				got, err := fulfilmentv1.NewControllerServiceClient(conn).ListControllers(c.Context(), &fulfilmentv1.ListControllersRequest{})
				if err != nil {
					return err
				}
				rows := []string{"CONTROLLER\tNAME\tCONTACT\tSTAFF\tSINCE"}
				for _, o := range got.GetControllers() {
					rows = append(rows, cells(o.GetController(), o.GetTitle(), o.GetContact(), strings.Join(o.GetStaff(), " "), day(o.GetRegisteredAt())))
				}
				if len(rows) == 1 {
					rows = []string{"no controller is registered"}
				}
				return a.show(got, rows)
			})
		},
	}
}

func (a *app) controllerName() *cobra.Command {
	return a.ofControllers(&cobra.Command{
		Use: "name REQUEST CONTROLLER", Short: "say whose data a request is about", Args: cobra.ExactArgs(2),
	}, func(ctx context.Context, s fulfilmentv1.ControllerServiceClient, id string, args []string) (proto.Message, string, error) {
		resp, err := s.NameController(ctx, &fulfilmentv1.NameControllerRequest{RequestId: id, Request: args[0], Controller: args[1]})
		return resp, fmt.Sprintf("request %s is about data of %s", args[0], args[1]), err
	})
}

func (a *app) controllerInstruct() *cobra.Command {
	why := &fulfilmentv1.Rejection{}
	c := a.ofControllers(&cobra.Command{
		Use: "instruct REQUEST carry-out|reject", Short: "give the controller's word on a request", Args: cobra.ExactArgs(2),
		Long: "Instruct is for those who speak for the request's controller: it needs the role controller and a recent stronger\n" +
			"authentication. To reject takes a ground that the laws permit, and a statement; the person gets both.",
	}, func(ctx context.Context, s fulfilmentv1.ControllerServiceClient, id string, args []string) (proto.Message, string, error) {
		what, err := enum[fulfilmentv1.Instruction]("the instruction", args[1], "INSTRUCTION_", fulfilmentv1.Instruction_value)
		if err != nil {
			return nil, "", err
		}
		req := &fulfilmentv1.InstructRequestRequest{RequestId: id, Request: args[0], Instruction: what}
		done := fmt.Sprintf("request %s is carried out", args[0])
		if what == fulfilmentv1.Instruction_INSTRUCTION_REJECT {
			req.Rejection, done = why, fmt.Sprintf("request %s is rejected", args[0])
		}
		resp, err := s.InstructRequest(ctx, req)
		return resp, done, err
	})
	rejectionFlags(c.Flags(), why)
	return c
}
