package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc"
)

// importing is a stream of an import.
type importing = grpc.BidiStreamingServer[consentv1.ImportDecisionsRequest, consentv1.ImportDecisionsResponse]

// step is a portion on its way, or the error after which there is no other.
type step struct {
	portion *portion
	err     error
}

// carry takes rows in until the client has sent the last. While the rows of one
// message are stored, those of the next are read, and those of the one before are
// noted as done and answered: always in the order in which they came, so that the
// rows that are done have no hole.
func (x *importRun) carry(ctx context.Context, stream importing) error {
	ctx, cancel := context.WithCancel(ctx)
	read, stored := make(chan step), make(chan step)
	go x.read(ctx, stream, read, x.held.State()) // one that is blocked ends with the stream
	var storing sync.WaitGroup
	storing.Go(func() { store(ctx, read, stored) })
	defer storing.Wait()
	defer cancel()
	for s := range stored {
		if errors.Is(s.err, io.EOF) {
			return nil
		}
		if s.err != nil {
			return s.err
		}
		out, err := x.done(ctx, s.portion)
		if err == nil {
			err = stream.Send(out)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pass hands a step on, and reports whether there may be others.
func pass(ctx context.Context, to chan<- step, s step) bool {
	select {
	case to <- s:
		return s.err == nil
	case <-ctx.Done():
		return false
	}
}

// read takes rows from the stream and finds out whom they are about. The import
// stands as begun says.
func (x *importRun) read(ctx context.Context, stream importing, to chan<- step, begun intake.Import) {
	for next := begun.Done + 1; ; {
		p, err := x.portion(stream, next, begun.Rows)
		if err == nil {
			next += uint64(len(p.rows))
			err = p.sort(ctx)
		}
		if !pass(ctx, to, step{p, err}) {
			return
		}
	}
}

// portion is what is new of the next message: rows that were taken in already are
// passed over.
func (x *importRun) portion(stream importing, next, last uint64) (*portion, error) {
	r, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if r.GetRows() == nil {
		return nil, fault.FieldErrors{{Field: "rows", Rule: "REQUIRED", Text: "the import was begun"}}
	}
	first, rows := r.GetRows().GetFirst(), r.GetRows().GetRows()
	switch {
	case first > next:
		return nil, fault.FieldErrors{{Field: "rows.first", Rule: "NO_GAP", Text: "must follow the rows that are done"}}
	case first-1+uint64(len(rows)) > last:
		return nil, intake.ErrTooLong
	}
	rows = rows[min(uint64(len(rows)), next-first):]
	return &portion{log: x.log, id: x.id, first: next, at: x.log.Now(), rows: rows, fates: make([]fate, len(rows))}, nil
}

// store stores portions as they come. It closes what it hands them to.
func store(ctx context.Context, from <-chan step, to chan<- step) {
	defer close(to)
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-from:
			if s.err == nil {
				s.err = s.portion.append(ctx)
			}
			if !pass(ctx, to, s) {
				return
			}
		}
	}
}

// done notes that a portion is stored, and makes the answer.
func (x *importRun) done(ctx context.Context, p *portion) (*consentv1.ImportDecisionsResponse, error) {
	out := &consentv1.ImportDecisionsResponse{}
	if len(p.rows) > 0 {
		cmd := intake.Progress{At: p.at}
		for i, f := range p.fates {
			if f.reason == "" {
				cmd.Recorded++
				continue
			}
			cmd.Refused = append(cmd.Refused, intake.Row{
				Number: p.first + uint64(i), Line: p.rows[i].GetLine(), Reason: f.reason, Field: f.field,
			})
		}
		if err := x.do(ctx, cmd); err != nil {
			return nil, err
		}
		out.Refused, out.ConsistencyToken = shownRows(cmd.Refused), p.token.Encode()
	}
	out.Import = shownImport(x.id, x.held.State())
	return out, nil
}
