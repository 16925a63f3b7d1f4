package holdersystem

import (
	"context"
	"slices"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"

	"google.golang.org/grpc"
)

// orders as the service gets them: one for each of its parts.
func (s *System) orders(p connector.Person, orders []connector.Order) (*holderv1.Orders, error) {
	out := &holderv1.Orders{Person: s.person(p)}
	parts := s.parts()
	for _, o := range orders {
		if !slices.Contains(parts, o.Part) {
			return nil, failed("erase", connector.ErrMismatch)
		}
		out.Orders = append(out.Orders, &holderv1.Order{
			Part: &holderv1.Part{Collection: o.Collection, Category: o.Category}, Erase: o.Erase, Rows: o.Rows, Since: stamp(o.Since),
		})
	}
	if len(out.GetOrders()) != len(parts) {
		return nil, failed("erase", connector.ErrMismatch)
	}
	return out, nil
}

// Erase carries out orders. The service tells what it is about to commit; that is
// passed on to about, and only then it gets leave.
func (s *System) Erase(ctx context.Context, p connector.Person, orders []connector.Order, about connector.About) ([]connector.Done, error) {
	if _, _, err := s.describe(ctx); err != nil {
		return nil, err
	}
	sent, err := s.orders(p, orders)
	if err != nil {
		return nil, err
	}
	ctx, awake, stop := s.watched(ctx)
	defer stop()
	stream, err := s.holder.EraseData(ctx, grpc.MaxCallRecvMsgSize(maxMessage))
	if err != nil {
		return nil, failed("erase", err)
	}
	if err := stream.Send(&holderv1.EraseDataRequest{Message: &holderv1.EraseDataRequest_Orders{Orders: sent}}); err != nil && !ended(err) {
		return nil, failed("erase", cause(ctx, err))
	}
	var told []connector.Done
	for {
		answer, err := stream.Recv()
		if ended(err) {
			return nil, failed("erase", connector.ErrUnreachable) // it never said that it has finished
		}
		if err != nil {
			return nil, failed("erase", cause(ctx, err))
		}
		awake()
		done, err := s.done(answer.GetDone(), orders)
		if err != nil {
			return nil, err
		}
		if answer.GetFinished() {
			if told == nil || !slices.Equal(done, told) {
				return nil, failed("erase", connector.ErrMismatch) // it did what it has not told
			}
			return done, nil
		}
		if err := about(ctx, done); err != nil {
			return nil, refused{err}
		}
		told = done
		awake()
		if err := stream.Send(&holderv1.EraseDataRequest{Message: &holderv1.EraseDataRequest_Commit{Commit: true}}); err != nil && !ended(err) {
			return nil, failed("erase", cause(ctx, err))
		}
	}
}

// done reads what became of each part that was ordered. More than was ordered is
// no answer.
func (s *System) done(given []*holderv1.Done, orders []connector.Order) ([]connector.Done, error) {
	var out []connector.Done
	for _, o := range orders {
		i := slices.IndexFunc(given, func(d *holderv1.Done) bool { return is(d.GetPart(), o.Part) })
		if i < 0 {
			return nil, failed("erase", connector.ErrMismatch)
		}
		g := given[i]
		changed := g.GetDeleted() + g.GetMasked()
		if changed > o.Rows || changed < g.GetDeleted() || !o.Erase && changed > 0 {
			return nil, failed("erase", connector.ErrMismatch)
		}
		out = append(out, connector.Done{
			Part: o.Part, Deleted: g.GetDeleted(), Masked: g.GetMasked(), Shared: g.GetShared(), Kept: g.GetKept(),
			Described: g.GetKept() > 0 && s.keeps(o.Part),
		})
	}
	if len(given) != len(orders) {
		return nil, failed("erase", connector.ErrMismatch)
	}
	return out, nil
}

// keeps says that the description wants a part kept.
func (s *System) keeps(p connector.Part) bool {
	c, _ := s.dataset.Collection(p.Collection)
	return c.Keep || slices.ContainsFunc(c.Fields, func(f dataset.Field) bool { return f.Keep && slices.Contains(f.Personal(), p.Category) })
}

// Verify asks what is left, and reads the rows as well. What the service shows
// and does not count is left all the same.
func (s *System) Verify(ctx context.Context, p connector.Person, orders []connector.Order) ([]connector.Found, error) {
	there, _, err := s.describe(ctx)
	if err != nil {
		return nil, err
	}
	sent, err := s.orders(p, orders)
	if err != nil {
		return nil, err
	}
	answer, err := s.holder.VerifyData(ctx, &holderv1.VerifyDataRequest{Orders: sent})
	if err != nil {
		return nil, failed("verify", err)
	}
	var erased []connector.Part
	for _, o := range orders {
		if o.Erase {
			erased = append(erased, o.Part)
		}
	}
	out, err := found("verify", answer.GetFound(), erased)
	if err != nil {
		return nil, err
	}
	shown := map[connector.Part]uint64{}
	err = s.rows(ctx, p, func(r *holderv1.CollectDataResponse, c dataset.Collection) error {
		for part := range left(r, c, there[c.Name], erased) {
			shown[part]++
		}
		return nil
	})
	for i := range out {
		out[i].Rows = max(out[i].Rows, shown[out[i].Part])
	}
	return out, err
}

// left are the erased parts of which a row still shows something that could be
// taken out of it.
func left(r *holderv1.CollectDataResponse, c dataset.Collection, there *holderv1.DescribedCollection, erased []connector.Part) map[connector.Part]bool {
	out := map[connector.Part]bool{}
	if r.GetShared() {
		return out
	}
	for _, f := range c.Fields {
		i := slices.IndexFunc(r.GetFields(), func(g *holderv1.Field) bool { return g.GetName() == f.Name })
		fixed := slices.ContainsFunc(there.GetFields(), func(d *holderv1.DescribedField) bool { return d.GetName() == f.Name && d.GetFixed() })
		gone := func(category string) bool {
			return slices.Contains(erased, connector.Part{Collection: c.Name, Category: category})
		}
		if i < 0 || fixed || empty(r.GetFields()[i].GetValue()) || slices.ContainsFunc(f.Personal(), func(p string) bool { return !gone(p) }) {
			continue
		}
		for _, category := range f.Personal() {
			out[connector.Part{Collection: c.Name, Category: category}] = true
		}
	}
	return out
}

// empty reports whether nothing is left in a value.
func empty(v *holderv1.Value) bool {
	switch v := v.GetKind().(type) {
	case *holderv1.Value_Bool:
		return !v.Bool
	case *holderv1.Value_Int64:
		return v.Int64 == 0
	case *holderv1.Value_Double:
		return v.Double == 0
	case *holderv1.Value_Text:
		return v.Text == ""
	case *holderv1.Value_Bytes:
		return len(v.Bytes) == 0
	case *holderv1.Value_Time:
		at := v.Time.AsTime()
		return at.IsZero() || at.Unix() == 0
	}
	return true
}
