package carry

import (
	"context"
	"errors"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"
)

// ErrNobody says that there is no such person.
var ErrNobody = errors.New("subject does not exist")

// RevokeAgent takes back, in the dockets of all a person's references, what an
// agent may ask for them. What has a place already is stopped by their process.
func (c *Carrier) RevokeAgent(ctx context.Context, tenant, ref string, cmd es.Command[docket.Command], revoke docket.RevokeAgent) (es.Token, error) {
	ctx = client.WithTenant(ctx, tenant)
	_, err := c.cfg.Peers.Subjects.GetSubject(ctx, &identityv1.GetSubjectRequest{SubjectRef: ref})
	if gone(err) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("get subject: %w", err)
	}
	refs, err := c.References(ctx, ref)
	if err != nil {
		return nil, err
	}
	var token es.Token
	cmd.Data = revoke
	for _, ref := range refs {
		res, err := c.cfg.Dockets.Handle(ctx, DocketOf(tenant, ref), cmd)
		if err != nil {
			return nil, fmt.Errorf("revoke in docket: %w", err)
		}
		token = res.Token()
	}
	return token, nil
}

// revoked stops what an agent had asked before its mandate was taken back. What
// was touched by then goes on; the request's own log says that it was too late.
func (c *Carrier) revoked(ctx context.Context, r es.Recorded, e docket.AgentRevoked) error {
	d, _, err := c.cfg.Dockets.Load(ctx, r.Aggregate, es.Leader)
	if err != nil {
		return fmt.Errorf("load docket: %w", err)
	}
	for _, entry := range d.Entries {
		if entry.Agent != e.Agent || entry.Asked.After(e.At) {
			continue
		}
		agg := RequestOf(r.Aggregate.Tenant, entry.Request)
		_, err := c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
			ID: es.StepID(agg, "revoked/"+r.ID, 1), At: c.cfg.Now(), Data: request.Withdraw{At: c.cfg.Now()},
			Meta: es.Meta{Correlation: entry.Request, Causation: es.EventID(r.ID, 0)},
		})
		var refused request.Refusal
		if err != nil && !errors.As(err, &refused) {
			return fmt.Errorf("withdraw request: %w", err)
		}
	}
	return nil
}
