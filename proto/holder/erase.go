package holder

import (
	"context"
	"errors"
	"slices"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// together is the most rows that one transaction takes. More go in chunks.
	together = 10_000
	chunk    = 5_000
)

var (
	// errMany says that more rows are concerned than one transaction takes.
	errMany = errors.New("more rows than one transaction takes")
	// errMoved says that there is more than was judged.
	errMoved = status.Error(codes.OutOfRange, "rows came that nobody has judged")
	// errStays says that a field which was cleared, or a row which was deleted,
	// is still there.
	errStays = status.Error(codes.FailedPrecondition, "what was erased is still there")
	// errShape says that rows are not as the collection describes them.
	errShape = status.Error(codes.DataLoss, "a row is not as its collection says")
)

// task is what is ordered of one collection.
type task struct {
	Collection

	ordered []string // categories that there is an order for
	erased  []string // of those, what is to go
	rows    uint64   // what was judged
	since   time.Time

	// Of what was done, with what would be committed.
	deleted, masked, shared uint64
	kept                    map[string]uint64
}

// tasks reads the orders: one for every part, or it is not this system that they
// were meant for.
func (s *server) tasks(orders []*holderv1.Order) ([]*task, error) {
	var out []*task
	seen := 0
	for _, c := range s.collections {
		t := &task{Collection: c, kept: map[string]uint64{}}
		for _, o := range orders {
			if o.GetPart().GetCollection() != c.Name {
				continue
			}
			category := o.GetPart().GetCategory()
			if slices.Contains(t.ordered, category) || !slices.Contains(c.personal(), category) {
				return nil, status.Error(codes.InvalidArgument, "an order is for no part of this system, or stands twice")
			}
			t.order(o)
			seen++
		}
		out = append(out, t)
	}
	if seen != len(orders) || seen == 0 {
		return nil, status.Error(codes.InvalidArgument, "an order is for no part of this system, or there is none")
	}
	return out, nil
}

// order adds one. What was judged is the same for each part of a collection; where
// it is not, the least counts.
func (t *task) order(o *holderv1.Order) {
	if len(t.ordered) == 0 || o.GetRows() < t.rows {
		t.rows = o.GetRows()
	}
	if at := o.GetSince(); at != nil && (t.since.IsZero() || at.AsTime().Before(t.since)) {
		t.since = at.AsTime()
	}
	t.ordered = append(t.ordered, o.GetPart().GetCategory())
	if o.GetErase() {
		t.erased = append(t.erased, o.GetPart().GetCategory())
	}
}

// whole reports whether a row has a value for each field.
func (t *task) whole(r Row) error {
	if len(r.Values) != len(t.Fields) || r.Key == "" {
		return errShape
	}
	return nil
}

// removes says that rows go as a whole: nothing of people is left in them.
func (t *task) removes() bool { return !t.KeepRows && len(t.erased) == len(t.personal()) }

// goes says that a field is to be cleared. One that also holds what is kept stays.
func (t *task) goes(f Field) bool {
	return !f.Fixed && t.touches(f) && !slices.ContainsFunc(f.personal(), func(c string) bool { return !slices.Contains(t.erased, c) })
}

func (t *task) touches(f Field) bool {
	return slices.ContainsFunc(f.personal(), func(c string) bool { return slices.Contains(t.erased, c) })
}

// concerned says that something is to be changed in a row.
func (t *task) concerned(r Row) bool {
	if len(t.erased) == 0 || r.Shared {
		return false
	}
	return t.removes() || t.clears(r) != nil
}

// clears names the fields of a row in which there is something to clear.
func (t *task) clears(r Row) []string {
	var out []string
	for i, f := range t.Fields {
		if t.goes(f) && !empty(r.Values[i]) {
			out = append(out, f.Name)
		}
	}
	return out
}

// count counts by category the rows in which something is left that could go.
func (t *task) count(r Row, left map[string]uint64) {
	if r.Shared {
		return
	}
	for _, category := range t.erased {
		for i, f := range t.Fields {
			if slices.Contains(f.Categories, category) && t.goes(f) && !empty(r.Values[i]) {
				left[category]++
				break
			}
		}
	}
}

// stay counts by category the rows that stay with a value which can't go.
func (t *task) stay(r Row, n map[string]uint64) {
	if r.Shared || t.removes() {
		return
	}
	for _, category := range t.erased {
		for i, f := range t.Fields {
			if slices.Contains(f.Categories, category) && !t.goes(f) && !empty(r.Values[i]) {
				n[category]++
				break
			}
		}
	}
}

// erasure is one in progress.
type erasure struct {
	*server
	person Person
	tasks  []*task
	about  func(finished bool, done []*holderv1.Done) error
}

// EraseData carries out orders.
func (s *server) EraseData(stream holderv1.DataHolderService_EraseDataServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	p, err := person(first.GetOrders().GetPerson())
	if err != nil {
		return err
	}
	e := &erasure{server: s, person: p}
	e.about = func(finished bool, done []*holderv1.Done) error {
		if err := stream.Send(&holderv1.EraseDataResponse{Finished: finished, Done: done}); err != nil || finished {
			return err
		}
		next, err := stream.Recv()
		if err == nil && !next.GetCommit() {
			err = status.Error(codes.InvalidArgument, "a commit is awaited")
		}
		return err
	}
	if e.tasks, err = s.tasks(first.GetOrders().GetOrders()); err != nil {
		return err
	}
	return s.told(stream.Context(), e.run(stream.Context()))
}

func (e *erasure) run(ctx context.Context) error {
	err := e.once(ctx)
	if errors.Is(err, errMany) {
		err = e.chunks(ctx)
	}
	if err != nil {
		return err
	}
	return e.about(true, e.done())
}

// once takes all rows in one transaction.
func (e *erasure) once(ctx context.Context) error {
	return e.data.InTransaction(ctx, func(rows Rows) error {
		left := together
		for _, t := range e.tasks {
			t.forget()
			if err := e.look(ctx, rows, t); err != nil {
				return err
			}
			s := stretch{most: left}
			if err := e.take(ctx, rows, t, &s); err != nil {
				return err
			}
			if s.more {
				return errMany
			}
			left -= len(s.changed)
		}
		return e.about(false, e.done())
	})
}

// chunks takes rows of one collection after the other, those that identify the
// person last, so that one that was cut off finds the person again.
func (e *erasure) chunks(ctx context.Context) error {
	for _, t := range e.tasks {
		t.forget()
	}
	for _, t := range e.tasks {
		if err := e.data.InTransaction(ctx, func(rows Rows) error { return e.look(ctx, rows, t) }); err != nil {
			return err
		}
		for after, more := "", true; more; {
			s := stretch{after: after, most: chunk}
			err := e.data.InTransaction(ctx, func(rows Rows) error {
				if err := e.take(ctx, rows, t, &s); err != nil || len(s.changed) == 0 {
					return err
				}
				return e.about(false, e.done())
			})
			if err != nil {
				return err
			}
			after, more = s.last, s.more
		}
	}
	return nil
}

// forget undoes what was counted in a transaction that was undone.
func (t *task) forget() {
	t.deleted, t.masked, t.shared = 0, 0, 0
	clear(t.kept)
}

// look counts what stays, before anything of the collection has gone, and refuses
// what nobody has judged.
func (e *erasure) look(ctx context.Context, rows Rows, t *task) error {
	if len(t.erased) == 0 {
		return nil
	}
	n := uint64(0)
	for r, err := range rows.Of(ctx, e.person, t.Name, "") {
		if err != nil {
			return err
		}
		if err := t.whole(r); err != nil {
			return err
		}
		if r.Shared {
			t.shared++
			continue
		}
		if n++; n > t.rows || t.later(r) {
			return errMoved
		}
		t.stay(r, t.kept)
	}
	return nil
}

// later says that a row came after those that were judged, or may have.
func (t *task) later(r Row) bool {
	return !t.since.IsZero() && (r.Since.IsZero() || r.Since.After(t.since))
}

// stretch is a number of rows of a collection that are changed together.
type stretch struct {
	after string // the key behind which it begins
	most  int    // rows to change

	last    string              // key of its last row
	rows    int                 // that it has, changed or not
	changed map[string][]string // fields to clear, by key; none: the row goes
	more    bool                // there are more to change behind it
}

// take changes the rows of a stretch and reads them again.
func (e *erasure) take(ctx context.Context, rows Rows, t *task, s *stretch) error {
	if len(t.erased) == 0 {
		return nil
	}
	if err := e.find(ctx, rows, t, s); err != nil {
		return err
	}
	for key, fields := range s.changed {
		if t.removes() {
			if err := rows.Delete(ctx, t.Name, key); err != nil {
				return err
			}
			t.deleted++
			continue
		}
		if err := rows.Clear(ctx, t.Name, key, fields); err != nil {
			return err
		}
		t.masked++
	}
	if t.deleted+t.masked > t.rows {
		return errMoved // rows came between two chunks
	}
	return e.again(ctx, rows, t, s)
}

// find says what is to be changed.
func (e *erasure) find(ctx context.Context, rows Rows, t *task, s *stretch) error {
	s.changed = map[string][]string{}
	for r, err := range rows.Of(ctx, e.person, t.Name, s.after) {
		if err != nil {
			return err
		}
		if err := t.whole(r); err != nil {
			return err
		}
		if t.concerned(r) {
			if s.more = len(s.changed) == s.most; s.more {
				return nil
			}
			if t.later(r) {
				return errMoved
			}
			s.changed[r.Key] = t.clears(r)
		}
		s.last, s.rows = r.Key, s.rows+1
	}
	return nil
}

// again reads what was changed: it is as far from the beginning of the stretch as
// it was, or nearer.
func (e *erasure) again(ctx context.Context, rows Rows, t *task, s *stretch) error {
	if len(s.changed) == 0 {
		return nil
	}
	seen := 0
	for r, err := range rows.Of(ctx, e.person, t.Name, s.after) {
		if err != nil {
			return err
		}
		if err := t.whole(r); err != nil {
			return err
		}
		if _, changed := s.changed[r.Key]; changed && t.concerned(r) {
			return errStays
		}
		if seen++; seen >= s.rows {
			return nil
		}
	}
	return nil
}

// done is what was done so far of every part that was ordered.
func (e *erasure) done() []*holderv1.Done {
	var out []*holderv1.Done
	for _, t := range e.tasks {
		for _, category := range t.ordered {
			d := &holderv1.Done{Part: part(t.Name, category)}
			if slices.Contains(t.erased, category) {
				d.Deleted, d.Masked, d.Shared, d.Kept = t.deleted, t.masked, t.shared, t.kept[category]
			}
			out = append(out, d)
		}
	}
	return out
}
