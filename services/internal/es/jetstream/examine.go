package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Examination says how thoroughly an installation is looked at.
type Examination struct {
	// System is a connection to the system account. With it every replica is
	// asked for its own figures: one that calls itself current can have holes.
	System *nats.Conn
	// Read reads every log stream through and verifies each commit, and counts
	// the rows that can be read: a single message that is gone, or of which a byte
	// changed, shows in no figures.
	Read     bool
	Progress func(Progress)
}

// Health is what was found of one stream.
type Health struct {
	Stream   string
	Epoch    string
	Messages uint64
	Last     uint64 // sequence
	Replicas []Replica
	// Err says what is wrong, as Open would say it; nil if nothing was found.
	Err error
}

// Replica is one copy of a stream.
type Replica struct {
	Server  string
	Leader  bool
	Behind  bool          // offline, or not current by the leader's account
	Lag     uint64        // operations, by the leader's account
	Active  time.Duration // since the leader heard of it
	Figures *Figures      // its own; nil where it was not asked
}

// Figures is what a server says of its own copy.
type Figures struct {
	Messages uint64 `json:"messages"`
	First    uint64 `json:"first_seq"`
	Last     uint64 `json:"last_seq"`
	Deleted  int    `json:"num_deleted"`
}

// Examine looks at every stream of an installation and changes nothing. What
// is wrong with a stream is reported with it; an error means that nobody
// could be asked.
func Examine(ctx context.Context, cfg Config, e Examination) ([]Health, error) {
	l, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var figures map[string]map[string]Figures
	if e.System != nil {
		if figures, err = l.figures(ctx, e.System); err != nil {
			return nil, err
		}
	}
	out := l.examineLogs(ctx)
	if e.Read && !slices.ContainsFunc(out, func(h Health) bool { return h.Err != nil }) {
		l.examineContent(ctx, out, e.Progress)
	}
	out = append(out, l.examineMutable(ctx, e.Read)...)
	for i := range out {
		l.examineReplicas(ctx, &out[i], figures)
	}
	return out, ctx.Err()
}

// Present lists the streams of the topology that exist.
func Present(ctx context.Context, cfg Config) (map[string]bool, error) {
	l, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	out := map[string]bool{}
	names := l.js.StreamNames(ctx)
	for name := range names.Name() {
		if strings.HasPrefix(name, streamRoot) {
			out[name] = true
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w: %w", es.ErrUnavailable, err)
	}
	return out, nil
}

func (l *Log) examineLogs(ctx context.Context) []Health {
	var out []Health
	for _, c := range l.cfg.Topology.Contexts {
		for k := range l.cfg.Topology.Shards {
			sh, err := l.bind(ctx, c, k)
			if sh == nil {
				sh = &shard{context: c, name: StreamName(c, k), index: k}
			}
			l.shards[c] = append(l.shards[c], sh)
			out = append(out, Health{Stream: sh.name, Epoch: sh.epoch, Err: err})
		}
	}
	for i, sh := range l.all() {
		if out[i].Err == nil {
			out[i].Err = l.checkWhole(ctx, sh)
		}
	}
	return out
}

// examineContent reads the log streams through; a finding ends the reading of
// its stream.
func (l *Log) examineContent(ctx context.Context, out []Health, progress func(Progress)) {
	h := archive.Header{Shards: l.cfg.Topology.Shards, LogKey: l.cfg.LogKey}
	for i, c := range l.cfg.Topology.Contexts {
		if err := l.states(ctx, c, &h); err != nil {
			out[i*h.Shards].Err = err
			return
		}
	}
	for i := range h.Streams {
		check, err := archive.NewChecker(h, l.cfg.LogKey)
		if err == nil {
			_, err = l.readThrough(ctx, h, i, check, progress)
		}
		out[i].Err = err
	}
}

func (l *Log) examineMutable(ctx context.Context, read bool) []Health {
	var out []Health
	for _, want := range mutableConfigs(l.cfg.Topology, func() map[string]string { return nil }) {
		h := Health{Stream: want.Name}
		info, err := l.streamInfo(ctx, want.Name)
		if err == nil && !serves(info.Config, want) {
			err = fmt.Errorf("%s: %w", want.Name, es.ErrConfiguration)
		}
		if err == nil && read {
			err = l.countRows(ctx, want.Name)
		}
		h.Err = err
		out = append(out, h)
	}
	return out
}

// CheckRows looks whether every row of the mutable streams can be read, and
// changes nothing: a row that is damaged on disk would look like one that never
// was.
func CheckRows(ctx context.Context, cfg Config) error {
	l, err := newLog(cfg)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, want := range rowStreams(cfg.Topology) {
		if err := l.countRows(ctx, want.Name); err != nil {
			return fmt.Errorf("%s: %w", want.Name, err)
		}
	}
	return nil
}

// countings is how often rows are counted that change meanwhile.
const countings = 3

// countRows compares the messages that can be read with those that the stream
// says it has: the server passes over one whose bytes changed. A stream that
// moves with each counting is taken to be well.
func (l *Log) countRows(ctx context.Context, stream string) error {
	for range countings {
		before, err := l.streamInfo(ctx, stream)
		if err != nil {
			return err
		}
		readable := uint64(0)
		for from := uint64(1); ; readable++ {
			m, ok, err := l.conn.leaderGet(ctx, stream, map[string]any{"seq": from, "next_by_subj": ">"})
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			from = m.seq + 1
		}
		after, err := l.streamInfo(ctx, stream)
		if err != nil {
			return err
		}
		if after.State.Msgs != before.State.Msgs || after.State.LastSeq != before.State.LastSeq {
			continue
		}
		if readable != after.State.Msgs {
			return fmt.Errorf("%d of %d rows can be read: %w", readable, after.State.Msgs,
				&es.CorruptError{Stream: stream, Sequence: after.State.LastSeq, Reason: es.CorruptMissing})
		}
		return nil
	}
	return nil
}

// serves reports whether a mutable stream keeps what is put into it, and gives
// it up when told to.
func serves(have, want jetstream.StreamConfig) bool {
	slices.Sort(have.Subjects)
	slices.Sort(want.Subjects)
	return slices.Equal(have.Subjects, want.Subjects) && have.Storage == want.Storage && have.Replicas == want.Replicas &&
		have.Retention == want.Retention && have.MaxAge == 0 && have.MaxMsgs < 0 && have.MaxBytes < 0 && have.MaxMsgsPerSubject < 0 &&
		!have.DenyDelete && !have.AllowDirect && have.Compression == want.Compression && have.Mirror == nil && len(have.Sources) == 0 &&
		have.RePublish == nil && have.SubjectTransform == nil && have.AllowRollup == want.AllowRollup &&
		have.AllowMsgSchedules == want.AllowMsgSchedules && have.AllowMsgTTL == want.AllowMsgTTL
}

// examineReplicas adds a stream's figures and those of its copies.
func (l *Log) examineReplicas(ctx context.Context, h *Health, figures map[string]map[string]Figures) {
	if errors.Is(h.Err, es.ErrMissingStream) {
		return
	}
	info, err := l.streamInfo(ctx, h.Stream)
	if err != nil {
		h.Err = errors.Join(h.Err, err)
		return
	}
	h.Epoch, h.Messages, h.Last = info.Config.Metadata[metaEpoch], info.State.Msgs, info.State.LastSeq
	h.Replicas = replicas(info)
	for i := range h.Replicas {
		r := &h.Replicas[i]
		f, ok := figures[h.Stream][r.Server]
		if !ok {
			continue
		}
		r.Figures = &f
		if h.Err == nil && info.Config.DenyDelete && !f.contiguous() {
			h.Err = fmt.Errorf("copy on %s: %w", r.Server, &es.CorruptError{Stream: h.Stream, Sequence: f.First, Reason: es.CorruptMissing})
		}
	}
}

func (f Figures) contiguous() bool {
	return f.Last == 0 || f.First == 1 && f.Deleted == 0 && f.Messages == f.Last
}

func replicas(info *jetstream.StreamInfo) []Replica {
	if info.Cluster == nil {
		return nil
	}
	out := []Replica{{Server: info.Cluster.Leader, Leader: true}}
	for _, r := range info.Cluster.Replicas {
		out = append(out, Replica{Server: r.Name, Behind: r.Offline || !r.Current, Lag: r.Lag, Active: r.Active})
	}
	return out
}

// figuresWait is how long servers may take to say what they hold.
const figuresWait = 3 * time.Second

// figures asks every server for the figures of its copies, by stream and
// server. It ends early when as many servers have answered as the topology has
// replicas and nobody speaks for a while.
func (l *Log) figures(ctx context.Context, system *nats.Conn) (map[string]map[string]Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, figuresWait)
	defer cancel()
	sub, err := system.SubscribeSync(system.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("ask servers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	question := []byte(`{"accounts":true,"streams":true}`)
	if err := system.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", sub.Subject, question); err != nil {
		return nil, fmt.Errorf("ask servers: %w: %w", es.ErrUnavailable, err)
	}
	out := map[string]map[string]Figures{}
	for answers := 0; ; answers++ {
		m, err := nextAnswer(ctx, sub, answers >= l.cfg.Topology.Replicas)
		if err != nil && answers == 0 {
			return nil, fmt.Errorf("ask servers: %w: %w", es.ErrUnavailable, err)
		}
		if err != nil {
			return out, nil
		}
		if err := collect(m.Data, out); err != nil {
			return nil, err
		}
	}
}

// nextAnswer waits less once there are enough.
func nextAnswer(ctx context.Context, sub *nats.Subscription, enough bool) (*nats.Msg, error) {
	if enough {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, figuresWait/10)
		defer cancel()
	}
	return sub.NextMsgWithContext(ctx)
}

// collect adds one server's answer.
func collect(data []byte, out map[string]map[string]Figures) error {
	var a struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
		Data struct {
			Accounts []struct {
				Streams []struct {
					Name  string  `json:"name"`
					State Figures `json:"state"`
				} `json:"stream_detail"`
			} `json:"account_details"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("decode a server's figures: %w", err)
	}
	for _, account := range a.Data.Accounts {
		for _, s := range account.Streams {
			if out[s.Name] == nil {
				out[s.Name] = map[string]Figures{}
			}
			out[s.Name][a.Server.Name] = s.State
		}
	}
	return nil
}
