package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
	wanted := map[string]uint64{}
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(rowWriters)
	read := im.feedRows(groupCtx, wanted, func(stream string, row archive.Row) {
		g.Go(func() error { return im.log.putRow(groupCtx, stream, row) })
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if read != nil {
		return read
	}
	return im.countRows(ctx, wanted)
}

func (im *importer) feedRows(ctx context.Context, wanted map[string]uint64, put func(stream string, row archive.Row)) error {
	for ctx.Err() == nil {
		row, err := im.in.Row()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		stream, ok := im.rowStream(row)
		if !ok {
			return &archive.FileError{Reason: archive.Altered, Offset: im.in.Offset(), Detail: "a row is of no stream that has rows"}
		}
		wanted[stream]++
		im.out.Rows++
		report(im.Progress, "import rows", im.out.Header.Rows[row.Stream], im.out.Rows, 0)
		put(stream, row)
	}
	return ctx.Err()
}

// rowStream is the stream of the new installation that holds the row.
func (im *importer) rowStream(row archive.Row) (string, bool) {
	for name := range row.Header {
		if strings.HasPrefix(name, serverHeaders) {
			return "", false
		}
	}
	if im.out.Header.Rows[row.Stream] == StreamSuppression {
		return StreamSuppression, strings.HasPrefix(row.Subject, suppressionSubjects)
	}
	rest, ok := strings.CutPrefix(row.Subject, vaultSubjects)
	partition, _, more := strings.Cut(rest, ".")
	known := slices.Contains(es.ShardPartitions(0, 1), partition)
	return VaultStream(es.Shard(partition, im.Config.Topology.Shards)), ok && more && known
}

// putRow writes a row that nobody has written, or finds it written.
func (l *Log) putRow(ctx context.Context, stream string, row archive.Row) error {
	msg := &nats.Msg{Subject: row.Subject, Data: row.Value, Header: nats.Header{}}
	for name, value := range row.Header {
		msg.Header[name] = []string{value}
	}
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	for try := 0; ; try++ {
		_, err := l.putOnce(ctx, stream, msg)
		if err == nil {
			return nil
		}
		if permanent(err) {
			return fmt.Errorf("write row to %s: %w", stream, err)
		}
		have, ok, readErr := l.conn.leaderGet(ctx, stream, map[string]any{"last_by_subj": row.Subject})
		if readErr == nil && ok {
			return sameRow(stream, have, row)
		}
		if !backoff(ctx, try) {
			return fmt.Errorf("write row to %s: %w: %w", stream, es.ErrUnavailable, err)
		}
	}
}

func (l *Log) putOnce(ctx context.Context, stream string, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.TryTimeout)
	defer cancel()
	return l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(stream), jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
}

func sameRow(stream string, have stored, row archive.Row) error {
	if bytes.Equal(have.data, row.Value) && maps.Equal(rowHeader(have.header), row.Header) {
		return nil
	}
	return &TargetError{Stream: stream, Sequence: have.seq, Detail: "the stream holds another row than the archive"}
}

// countRows refuses a target with more rows than the archive.
func (im *importer) countRows(ctx context.Context, wanted map[string]uint64) error {
	for _, stream := range truthRows(im.Config.Topology) {
		info, err := im.log.streamInfo(ctx, stream)
		if err != nil {
			return err
		}
		if info.State.NumSubjects != wanted[stream] {
			return &TargetError{Stream: stream, Detail: fmt.Sprintf("the stream holds %d rows, the archive %d", info.State.NumSubjects, wanted[stream])}
		}
	}
	return nil
}
