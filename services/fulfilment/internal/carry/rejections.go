package carry

import (
	"context"
	"fmt"

	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"
)

// rejections are what a notice says of what is not carried out: of the whole request,
// the last; or of each part.
func (c *Carrier) rejections(ctx context.Context, tenant, id string, s request.Request) ([]mail.Rejection, error) {
	list := s.Rejections
	if whole, ok := s.Rejection(); ok {
		list = []request.Rejection{whole}
	}
	var out []mail.Rejection
	for _, r := range list {
		if !s.Rejected && len(r.Leaves) == 0 {
			continue // it was reopened since
		}
		statement, err := eventpb.Open(ctx, c.cfg.Opener, purpose, RequestOf(tenant, id), r.Statement)
		if err != nil {
			return nil, fmt.Errorf("open statement: %w", err)
		}
		told := mail.Rejection{
			Ground: r.Ground, Rules: r.Rules, Clause: r.Clause, Text: r.Text, Statement: statement,
			Complaints: r.Complaints, Authority: r.Authority, Controller: r.Controller,
		}
		for _, n := range r.Leaves {
			for _, l := range s.Leaves {
				if l.Leaf == n {
					told.Parts = append(told.Parts, mail.Kept{System: l.System, Collection: l.Collection, Category: l.Category})
				}
			}
		}
		out = append(out, told)
	}
	return out, nil
}
