package rpc

import (
	"context"
	"errors"
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// ImportServer implements ImportService.
type ImportServer struct {
	consentv1.UnimplementedImportServiceServer
	log *log
}

// errTakenOver: another stream goes on with the same import.
var errTakenOver = errors.New("another stream carries the import on")

// ImportDecisions stores rows in the order in which they come. What was stored
// stays when the stream ends.
func (s *ImportServer) ImportDecisions(stream importing) error {
	ctx := stream.Context()
	r, err := stream.Recv()
	if err != nil {
		return err
	}
	if r.GetBegin() == nil {
		return fault.FieldErrors{{Field: "begin", Rule: "REQUIRED", Text: "comes first"}}
	}
	run, err := s.log.begin(ctx, r.GetBegin())
	if err != nil {
		return err
	}
	if err := stream.Send(&consentv1.ImportDecisionsResponse{Import: shownImport(run.id, run.held.State())}); err != nil {
		return err
	}
	return run.carry(ctx, stream)
}

// importRun is one stream of an import.
type importRun struct {
	log  *log
	id   string
	held *es.Held[intake.Import, intake.Command, intake.Event]
}

// begin begins an import, or takes it over.
func (l *log) begin(ctx context.Context, b *consentv1.BeginImport) (*importRun, error) {
	who := kit.PrincipalFrom(ctx)
	run := &importRun{log: l, id: es.DeriveID(who.Tenant, "import/"+b.GetSource(), b.GetFileDigest())}
	var err error
	if run.held, err = l.imports.Hold(ctx, importAggregate(ctx, run.id)); err != nil {
		return nil, err
	}
	return run, run.do(ctx, intake.Begin{
		File:   intake.File{Source: b.GetSource(), Digest: b.GetFileDigest(), Evidence: b.GetEvidenceKind(), Rows: b.GetRows()},
		Resume: b.GetResume(), By: kit.ActorID(who.Tenant, who.Subject), At: l.Now(),
	})
}

// do runs a command on the import.
func (x *importRun) do(ctx context.Context, data intake.Command) error {
	id, err := es.NewID(x.log.Random)
	if err != nil {
		return fmt.Errorf("make command id: %w", err)
	}
	_, err = x.held.Handle(ctx, es.Command[intake.Command]{ID: id, At: x.log.Now(), Meta: es.Meta{Correlation: x.id}, Data: data})
	if errors.Is(err, es.ErrConflict) || errors.Is(err, es.ErrStale) {
		return errTakenOver
	}
	return err
}

// GetImport returns an import as it stands.
func (s *ImportServer) GetImport(ctx context.Context, r *consentv1.GetImportRequest) (*consentv1.GetImportResponse, error) {
	state, _, err := s.log.importNow(ctx, r.GetImport())
	if err != nil {
		return nil, err
	}
	return &consentv1.GetImportResponse{Import: shownImport(r.GetImport(), state)}, nil
}

// ListRefusedRows returns the rows that were refused.
func (s *ImportServer) ListRefusedRows(ctx context.Context, r *consentv1.ListRefusedRowsRequest) (*consentv1.ListRefusedRowsResponse, error) {
	offset, err := pageOffset(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	_, refused, err := s.log.importNow(ctx, r.GetImport())
	if err != nil {
		return nil, err
	}
	rows, next := page(refused, offset, r.GetPageSize())
	return &consentv1.ListRefusedRowsResponse{Rows: shownRows(rows), NextPageToken: next}, nil
}

// importNow reads an import, with the rows that were refused.
func (l *log) importNow(ctx context.Context, id string) (state intake.Import, refused []intake.Row, err error) {
	agg := importAggregate(ctx, id)
	_, err = l.proven(ctx, agg, func() (es.Head, error) {
		state, refused = intake.Import{}, nil
		return es.Fold(ctx, l.Verifier, es.Head{}, l.Store.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
			events, err := l.imports.Registry.DecodeAll(r.Commit)
			for _, ev := range events {
				state = intake.Evolve(state, ev)
				if e, ok := ev.(intake.Progressed); ok {
					refused = append(refused, e.Refused...)
				}
			}
			return err
		})
	})
	if err == nil && state.BegunAt.IsZero() {
		err = intake.ErrUnknown
	}
	return state, refused, err
}

func shownImport(id string, s intake.Import) *consentv1.Import {
	return &consentv1.Import{
		Id: id, Source: s.Source, FileDigest: s.Digest, EvidenceKind: s.Evidence, Rows: s.Rows, Done: s.Done,
		Recorded: s.Recorded, Refused: s.Refused, BegunBy: s.By, BegunAt: eventpb.Stamp(s.BegunAt), FinishedAt: eventpb.Stamp(s.FinishedAt),
	}
}

func shownRows(rows []intake.Row) []*consentv1.RefusedRow {
	var out []*consentv1.RefusedRow
	for _, r := range rows {
		out = append(out, &consentv1.RefusedRow{Row: r.Number, Line: r.Line, Reason: r.Reason, Field: r.Field})
	}
	return out
}
