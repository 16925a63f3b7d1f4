package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"habeas.internal/services/internal/es/archive"
	"habeas.internal/services/internal/seal/rows"

	"golang.org/x/sync/errgroup"
)

const (
	vaultSubjects       = "habeas.vault."
	suppressionSubjects = "habeas.suppression."
	// rowWriters is how many rows are on their way at once: each is synced
	// alone, but several streams sync side by side.
	rowWriters = 32
)

// rows writes the rows of the mutable streams; one that an earlier run wrote
// must be the same.
func (im *importer) rows(ctx context.Context) error {
	cfg := im.Config
	vault, err := OpenRows(ctx, RowsConfig{Conn: cfg.Conn, Topology: cfg.Topology, TryTimeout: cfg.TryTimeout})
	if err != nil {
		return err
	}
	wanted := map[string]uint64{}
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(rowWriters)
	read := im.feedRows(groupCtx, vault, wanted, func(row archive.Row) {
		g.Go(func() error { return vault.restore(groupCtx, row) })
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if read != nil {
		return read
	}
	return im.countRows(ctx, wanted)
}

func (im *importer) feedRows(ctx context.Context, vault *Rows, wanted map[string]uint64, put func(row archive.Row)) error {
	for ctx.Err() == nil {
		row, err := im.in.Row()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		stream, err := vault.stream(row.Subject)
		if err != nil {
			return &archive.FileError{Reason: archive.Altered, Offset: im.in.Offset(), Detail: "a row is of no stream that has rows"}
		}
		wanted[stream]++
		im.out.Rows++
		report(im.Progress, "import rows", im.out.Header.Rows[row.Stream], im.out.Rows, 0)
		put(row)
	}
	return ctx.Err()
}

// restore writes a row that nobody has written, or finds it written.
func (r *Rows) restore(ctx context.Context, row archive.Row) error {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	_, err := r.Put(ctx, row.Subject, row.Value, 0)
	if !errors.Is(err, rows.ErrConflict) {
		return err
	}
	have, err := r.Get(ctx, row.Subject)
	if err != nil {
		return fmt.Errorf("compare row: %w", err)
	}
	if bytes.Equal(have.Value, row.Value) {
		return nil
	}
	stream, err := r.stream(row.Subject)
	if err != nil {
		return err
	}
	return &TargetError{Stream: stream, Sequence: have.Rev, Detail: "the stream holds another row than the archive"}
}

// countRows refuses a target with more rows than the archive.
func (im *importer) countRows(ctx context.Context, wanted map[string]uint64) error {
	for _, c := range rowStreams(im.Config.Topology) {
		info, err := im.log.streamInfo(ctx, c.Name)
		if err != nil {
			return err
		}
		if have := info.State.NumSubjects; have != wanted[c.Name] {
			return &TargetError{Stream: c.Name, Detail: fmt.Sprintf("the stream holds %d rows, the archive %d", have, wanted[c.Name])}
		}
	}
	return nil
}
