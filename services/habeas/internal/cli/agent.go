package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func (a *app) agent() *cobra.Command {
	return group("agent", "authorised agents, who ask in people's names",
		a.agentCreate(), a.agentRotate(), a.agentSuspend(), a.agentReinstate(), a.agentRemove(), a.agentGet(), a.agentList(),
		a.agentSubmit(), a.agentStatus(), a.agentRevoke())
}

// agents reaches the directory.
func (a *app) agents(do func(identityv1.AgentServiceClient) error) error {
	return a.identity(func(conn *grpc.ClientConn) error { return do(identityv1.NewAgentServiceClient(conn)) })
}

// keyOf reads a public key as it is written on the command line.
func keyOf(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, usageError{errors.New("--key is a public Ed25519 key: 32 bytes in base64")}
	}
	return key, nil
}

func (a *app) agentCreate() *cobra.Command {
	var r repeat
	var key, from, until string
	req := &identityv1.CreateAgentRequest{}
	c := &cobra.Command{
		Use: "create AGENT", Short: "enter an agent with its first key", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Agent = r.id, args[0]
			if req.PublicKey, err = keyOf(key); err != nil {
				return err
			}
			if req.KeyFrom, err = parseMoment("--from", from); err != nil {
				return err
			}
			if req.KeyUntil, err = parseMoment("--until", until); err != nil {
				return err
			}
			return a.agents(func(to identityv1.AgentServiceClient) error {
				resp, err := to.CreateAgent(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"AGENT", req.GetAgent()})
			})
		},
	}
	r.flags(c.Flags(), "")
	f := c.Flags()
	f.StringVar(&req.DisplayName, "name", "", "name of the organisation; it is kept in clear")
	f.StringVar(&req.WebUrl, "web", "", "its https address")
	f.Uint32Var(&req.RequestsPerDay, "per-day", 100, "requests that it may make in a day, half of them at once")
	f.StringVar(&key, "key", "", "public Ed25519 key, base64")
	f.StringVar(&from, "from", "", "from when the key counts, RFC 3339; now if empty")
	f.StringVar(&until, "until", "", "until when the key counts, RFC 3339")
	return c
}

func (a *app) agentRotate() *cobra.Command {
	var r repeat
	var key, from, until, former string
	req := &identityv1.RotateAgentKeyRequest{}
	c := &cobra.Command{
		Use: "rotate-key AGENT", Short: "give an agent another key, and end the former ones", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Agent = r.id, args[0]
			if req.PublicKey, err = keyOf(key); err != nil {
				return err
			}
			if req.KeyFrom, err = parseMoment("--from", from); err != nil {
				return err
			}
			if req.KeyUntil, err = parseMoment("--until", until); err != nil {
				return err
			}
			if req.FormerUntil, err = parseMoment("--former-until", former); err != nil {
				return err
			}
			return a.agents(func(to identityv1.AgentServiceClient) error {
				resp, err := to.RotateAgentKey(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"KEY", fmt.Sprint(resp.GetKey())})
			})
		},
	}
	r.flags(c.Flags(), "")
	f := c.Flags()
	f.StringVar(&key, "key", "", "public Ed25519 key, base64; one that no agent ever had")
	f.StringVar(&from, "from", "", "from when it counts, RFC 3339; now if empty")
	f.StringVar(&until, "until", "", "until when it counts, RFC 3339")
	f.StringVar(&former, "former-until", "", "when the former keys end, RFC 3339; at once if empty")
	return c
}

// changing is a command that names an agent, and says why if why is a flag of it.
func (a *app) changing(use, about, done string, why bool, do func(ctx context.Context, to identityv1.AgentServiceClient, id, agent, reason string) (proto.Message, error)) *cobra.Command {
	var r repeat
	var reason string
	c := &cobra.Command{
		Use: use + " AGENT", Short: about, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.agents(func(to identityv1.AgentServiceClient) error {
				resp, err := do(c.Context(), to, r.id, args[0], reason)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{done})
			})
		},
	}
	r.flags(c.Flags(), "")
	if why {
		c.Flags().StringVar(&reason, "reason", "", "why: a code")
	}
	return c
}

func (a *app) agentSuspend() *cobra.Command {
	return a.changing("suspend", "refuse what an agent asks, for now; what it has asked before goes on if the person proves themselves", "the agent is suspended", true,
		func(ctx context.Context, to identityv1.AgentServiceClient, id, agent, reason string) (proto.Message, error) {
			return to.SuspendAgent(ctx, &identityv1.SuspendAgentRequest{RequestId: id, Agent: agent, Reason: reason})
		})
}

func (a *app) agentReinstate() *cobra.Command {
	return a.changing("reinstate", "end a suspension", "the agent may ask again", false,
		func(ctx context.Context, to identityv1.AgentServiceClient, id, agent, _ string) (proto.Message, error) {
			return to.ReinstateAgent(ctx, &identityv1.ReinstateAgentRequest{RequestId: id, Agent: agent})
		})
}

func (a *app) agentRemove() *cobra.Command {
	return a.changing("remove", "refuse what an agent asks, for good; what it has asked before goes on if the person proves themselves", "the agent is removed", true,
		func(ctx context.Context, to identityv1.AgentServiceClient, id, agent, reason string) (proto.Message, error) {
			return to.RemoveAgent(ctx, &identityv1.RemoveAgentRequest{RequestId: id, Agent: agent, Reason: reason})
		})
}

func (a *app) agentGet() *cobra.Command {
	return &cobra.Command{
		Use: "get AGENT", Short: "show an agent and its keys", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.agents(func(to identityv1.AgentServiceClient) error {
				resp, err := to.GetAgent(c.Context(), &identityv1.GetAgentRequest{Agent: args[0]})
				if err != nil {
					return err
				}
				g := resp.GetAgent()
				rows := []string{
					cells("AGENT", g.GetAgent()), cells("name", g.GetDisplayName()), cells("web", dash(g.GetWebUrl())),
					cells("status", short(g.GetStatus().String(), "AGENT_STATUS_")), cells("reason", dash(g.GetReason())),
					cells("requests a day", g.GetRequestsPerDay()),
				}
				for _, k := range g.GetKeys() {
					rows = append(rows, cells(fmt.Sprint("key ", k.GetKey()), base64.StdEncoding.EncodeToString(k.GetPublicKey()), day(k.GetFrom()), day(k.GetUntil())))
				}
				return a.show(resp, rows)
			})
		},
	}
}

func (a *app) agentList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the agents", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.agents(func(to identityv1.AgentServiceClient) error {
				resp, err := to.ListAgents(c.Context(), &identityv1.ListAgentsRequest{})
				if err != nil {
					return err
				}
				rows := []string{"AGENT\tNAME\tSTATUS\tREASON\tA DAY\tKEYS"}
				for _, g := range resp.GetAgents() {
					rows = append(rows, cells(g.GetAgent(), g.GetDisplayName(), short(g.GetStatus().String(), "AGENT_STATUS_"), dash(g.GetReason()),
						g.GetRequestsPerDay(), len(g.GetKeys())))
				}
				return a.show(resp, rows)
			})
		},
	}
}

func standing(s *fulfilmentv1.AgentRequestStatus) []string {
	return []string{
		"REQUEST\tSTATUS\tREASON\tEXPECTED BY",
		cells(s.GetRequest(), s.GetStatus(), dash(s.GetReason()), day(s.GetExpectedBy())),
	}
}

// mostMessage is more than the contract allows of an agent's message.
const mostMessage = 96 << 10

func (a *app) agentSubmit() *cobra.Command {
	var r repeat
	req := &fulfilmentv1.SubmitAgentRequestRequest{}
	c := &cobra.Command{
		Use: "submit AGENT FILE", Short: "hand in a message that an agent has signed", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			message, err := wholefile.Read(args[1], mostMessage)
			if err != nil {
				return usageError{err}
			}
			r.fill()
			req.RequestId, req.Agent, req.Message = r.id, args[0], strings.TrimSpace(string(message))
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewAgentRequestServiceClient(conn).SubmitAgentRequest(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, standing(resp.GetStatus()))
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&req.Policy, "policy", "", "the policy under which the person asks; may be left out if there is one only")
	c.Flags().StringVar(&req.Permission, "permission", "", "reference of the person's written permission")
	return c
}

func (a *app) agentStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status AGENT REQUEST", Short: "say how a request stands, as its agent is told", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewAgentRequestServiceClient(conn).GetAgentRequest(c.Context(),
					&fulfilmentv1.GetAgentRequestRequest{Agent: args[0], Request: args[1]})
				if err != nil {
					return err
				}
				return a.show(resp, standing(resp.GetStatus()))
			})
		},
	}
}

func (a *app) agentRevoke() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "revoke AGENT SUBJECT", Short: "take back, at a person's wish, what an agent may ask for them", Args: cobra.ExactArgs(2),
		Long: "Revoke stops what the agent has asked for the person before. A request whose proof is still awaited can't be told apart\n" +
			"from one about somebody else, so it stands as it is until they answer, or the time for that is over; then it ends as withdrawn.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewAgentRequestServiceClient(conn).RevokeAgent(c.Context(),
					&fulfilmentv1.RevokeAgentRequest{RequestId: r.id, Agent: args[0], SubjectRef: args[1]})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{
					"what the agent has asked for them goes no further",
					"where their proof is still awaited, it ends when they answer, or with the time for that: before, nobody knows whose request it is",
				})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}
