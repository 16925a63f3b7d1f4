// Package view is fulfilment's read model: the requests of each tenant, newest
// first, and which of them are not finished. It holds references, states and
// dates. What decides, and whatever is asked about one request, is read from the
// log.
package view

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"

	"github.com/redis/go-redis/v9"
)

// keyOpen lists the requests of a shard that are not finished, by subject.
const keyOpen = "open"

func listKey(tenant string) string { return "list:" + tenant }

func rowKey(tenant, id string) string { return "row:" + tenant + ":" + id }

// Model is the read model.
func Model(registry es.Registry[request.Event]) readmodel.Model {
	return readmodel.Model{Name: "requests", Version: 4, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Type != request.AggregateType {
			return nil, nil
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		var out []readmodel.Write
		for _, ev := range events {
			out = append(out, project(r.Aggregate, ev)...)
		}
		return out, nil
	}}
}

// project is what one event changes. States are those of request.Stage.
func project(agg es.Aggregate, ev request.Event) []readmodel.Write {
	row := rowKey(agg.Tenant, agg.ID)
	stage := func(s request.Stage) []readmodel.Write {
		return []readmodel.Write{{Command: "HSET", Key: row, Args: []string{"state", strconv.Itoa(int(s))}}}
	}
	switch e := ev.(type) { //nolint:gochecksumtype // the others change nothing that the list shows
	case request.Submitted:
		return []readmodel.Write{
			{Command: "ZADD", Key: listKey(agg.Tenant), Args: []string{"0", place(e.ReceivedAt, agg.ID)}},
			{Command: "ZADD", Key: keyOpen, Args: []string{millis(e.Terms.DueAt), agg.Subject()}},
			{Command: "HSET", Key: row, Args: []string{
				"right", strconv.Itoa(int(e.Right)), "state", strconv.Itoa(int(request.Received)), "outcome", "0",
				"received", millis(e.ReceivedAt), "due", millis(e.Terms.DueAt), "zone", e.Terms.Zone,
			}},
		}
	case request.DelayBegun, request.InstructionAsked, request.Activated: // a proof alone may not be enough
		return stage(request.Planning)
	case request.Queued:
		return stage(request.Waiting)
	case request.ManifestCommitted:
		return stage(request.Running)
	case request.RecipientsTold, request.PackageReady, request.Withdrawn, request.VerificationFailed:
		return stage(request.Concluding)
	case request.Rejected:
		if len(e.Leaves) > 0 {
			return nil
		}
		return stage(request.Concluding)
	case request.Reopened:
		return append(stage(request.Planning), readmodel.Write{Command: "HSET", Key: row, Args: []string{"outcome", "0"}})
	case request.Closed:
		return append(stage(request.Over), readmodel.Write{
			Command: "HSET", Key: row, Args: []string{"outcome", strconv.Itoa(int(e.Outcome))},
		})
	case request.Finished:
		return []readmodel.Write{{Command: "ZREM", Key: keyOpen, Args: []string{agg.Subject()}}}
	}
	return nil
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// place sorts newest first: the complement of the time, then the id.
func place(at time.Time, id string) string {
	return fmt.Sprintf("%016x:%s", uint64(math.MaxInt64-at.UnixMilli()), id)
}

// Line is a request as the list shows it.
type Line struct {
	Place      string // in the list
	ID         string
	Right      request.Right
	Stage      request.Stage
	Outcome    request.Outcome
	ReceivedAt time.Time
	DueAt      time.Time
	Zone       string // in which days end
}

// ErrBadPage says that a page token is none of ours.
var ErrBadPage = errors.New("page token is malformed")

// Lister answers from the model.
type Lister struct {
	Reader *readmodel.Reader
	Shards []es.Aggregate // one in each shard
}

const (
	batch = 200
	// mostScanned bounds how many requests one page looks at for those in a
	// state; the next page goes on from there.
	mostScanned = 5000
)

// List returns a page of a tenant's requests, newest first, in one stage or in
// any, and where the next page starts; empty at the end. A page may be shorter
// than asked for, even empty, and not be the last.
func (l Lister) List(ctx context.Context, tenant string, stage request.Stage, after string, size int, want es.Token) ([]Line, string, error) {
	if after != "" && !validPlace(after) {
		return nil, "", ErrBadPage
	}
	var out []Line
	for scanned := 0; scanned < mostScanned; {
		lines, more, err := l.merge(ctx, tenant, after, want)
		if err != nil {
			return nil, "", err
		}
		for _, line := range lines {
			scanned++
			after = line.Place
			if stage == 0 || line.Stage == stage {
				out = append(out, line)
			}
			if len(out) == size {
				return out, after, nil
			}
		}
		if !more {
			return out, "", nil
		}
	}
	return out, after, nil
}

func validPlace(p string) bool {
	at, id, ok := strings.Cut(p, ":")
	_, err := hex.DecodeString(at)
	return ok && err == nil && len(at) == 16 && len(id) == 26
}

// merge is the next batch over all shards, in order. more: there may be others
// behind it.
func (l Lister) merge(ctx context.Context, tenant, after string, want es.Token) (lines []Line, more bool, err error) {
	horizon := "" // the first place up to which some shard was not read
	for _, shard := range l.Shards {
		got, full, err := l.shard(ctx, shard, tenant, after, want)
		if err != nil {
			return nil, false, err
		}
		if full && (horizon == "" || got[len(got)-1].Place < horizon) {
			horizon = got[len(got)-1].Place
		}
		lines = append(lines, got...)
	}
	slices.SortFunc(lines, func(a, b Line) int { return strings.Compare(a.Place, b.Place) })
	if horizon == "" {
		return lines, false, nil
	}
	end, _ := slices.BinarySearchFunc(lines, horizon, func(line Line, at string) int { return strings.Compare(line.Place, at) })
	return lines[:end+1], true, nil
}

func (l Lister) shard(ctx context.Context, shard es.Aggregate, tenant, after string, want es.Token) ([]Line, bool, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	var places *redis.StringSliceCmd
	_, err := l.Reader.Read(ctx, shard, want, func(p redis.Pipeliner, key func(string) string) {
		places = p.ZRangeByLex(ctx, key(listKey(tenant)), &redis.ZRangeBy{Min: from, Max: "+", Count: batch})
	})
	if err != nil {
		return nil, false, err
	}
	out := make([]Line, 0, len(places.Val()))
	rows := make([]*redis.MapStringStringCmd, len(places.Val()))
	if len(rows) == 0 {
		return nil, false, nil
	}
	_, err = l.Reader.Read(ctx, shard, want, func(p redis.Pipeliner, key func(string) string) {
		for i, at := range places.Val() {
			_, id, _ := strings.Cut(at, ":")
			rows[i] = p.HGetAll(ctx, key(rowKey(tenant, id)))
		}
	})
	if err != nil {
		return nil, false, err
	}
	for i, at := range places.Val() {
		line, err := line(at, rows[i].Val())
		if err != nil {
			return nil, false, err
		}
		out = append(out, line)
	}
	return out, len(out) == batch, nil
}

func line(at string, row map[string]string) (Line, error) {
	_, id, _ := strings.Cut(at, ":")
	var n [5]int64
	for i, field := range []string{"right", "state", "outcome", "received", "due"} {
		var err error
		if n[i], err = strconv.ParseInt(row[field], 10, 64); err != nil {
			return Line{}, fmt.Errorf("row of the list: %w", es.ErrUnavailable) // being rebuilt
		}
	}
	return Line{
		Place: at, ID: id, Right: request.Right(n[0]), Stage: request.Stage(n[1]), Outcome: request.Outcome(n[2]),
		ReceivedAt: time.UnixMilli(n[3]).UTC(), DueAt: time.UnixMilli(n[4]).UTC(), Zone: row["zone"],
	}, nil
}

// CountOpen is how many requests of a tenant are not finished, once the model has
// reached want.
func (l Lister) CountOpen(ctx context.Context, tenant string, want es.Token) (uint32, error) {
	var n uint32
	for _, shard := range l.Shards {
		var open *redis.StringSliceCmd
		_, err := l.Reader.Read(ctx, shard, want, func(p redis.Pipeliner, key func(string) string) {
			open = p.ZRange(ctx, key(keyOpen), 0, -1)
		})
		if err != nil {
			return 0, err
		}
		for _, subject := range open.Val() {
			agg, err := es.ParseSubject(subject)
			if err != nil {
				return 0, fmt.Errorf("row of the list: %w", err)
			}
			if agg.Tenant == tenant {
				n++
			}
		}
	}
	return n, nil
}

// Open lists a timer for every request that is not finished, for the sweep.
func (l Lister) Open(now func() time.Time) func(ctx context.Context) iter.Seq2[jetstream.Timer, error] {
	return func(ctx context.Context) iter.Seq2[jetstream.Timer, error] {
		return func(yield func(jetstream.Timer, error) bool) {
			for _, shard := range l.Shards {
				if !l.yieldOpen(ctx, shard, now(), yield) {
					return
				}
			}
		}
	}
}

func (l Lister) yieldOpen(ctx context.Context, shard es.Aggregate, at time.Time, yield func(jetstream.Timer, error) bool) bool {
	var open *redis.StringSliceCmd
	_, err := l.Reader.Read(ctx, shard, nil, func(p redis.Pipeliner, key func(string) string) {
		open = p.ZRange(ctx, key(keyOpen), 0, -1)
	})
	if err != nil {
		return yield(jetstream.Timer{}, err) && false
	}
	for _, subject := range open.Val() {
		agg, err := es.ParseSubject(subject)
		if !yield(jetstream.Timer{Aggregate: agg, Name: carry.TimerRequest, At: at}, err) {
			return false
		}
	}
	return true
}
