package eventlog

import (
	"context"
	"encoding/json"
	"fmt"

	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
)

// Names of the load section's variants.
const (
	PostgresSelect = "PostgreSQL select"
	Load           = "es.Store load"
	LoadUnverified = "es.Store load, signature not checked"
	DirectGet      = "JetStream batched direct get"
)

// LoadSection is the section of loads of one aggregate among many.
func LoadSection(ctx context.Context, in Settings, h *History) (*Section, error) {
	s := &Section{
		Name: "load", Title: "Load of one aggregate", Base: Base{Variant: PostgresSelect},
		Notes: []string{
			fmt.Sprintf("%d commits of one event of %d bytes in %d aggregates, %d shards; the %d commits of an aggregate are spread over its whole shard. A random aggregate each time, page cache warm.",
				in.Aggregates*in.Commits, eventBytes, in.Aggregates, historyShards, in.Commits),
			"es.Store: `es.Fold` over `Log.Load` from any replica: every commit decoded and its place in the chain checked, the last one's signature verified; the cache of verified signatures starts empty at each point and no aggregate comes twice.",
			"JetStream: the same request without our code, nothing decoded.",
			"PostgreSQL: `select version, type, data … where stream_id = $1 order by version`, prepared, one connection a caller; the index was built after the rows were copied.",
		},
	}
	if err := addSelects(ctx, s, in, h); err != nil {
		return s, err
	}
	return s, addLoads(ctx, s, in, h)
}

func addLoads(ctx context.Context, s *Section, in Settings, h *History) error {
	g, err := newGetter(s, h)
	if err != nil {
		return err
	}
	l := &loader{History: h, verifiers: make([]es.Verifier, connections)}
	trusting := &loader{History: h, verifiers: []es.Verifier{trust{}, trust{}, trust{}, trust{}}}
	cpu := h.log.server.CPU
	if err := warm(ctx, 16, in.WarmUp, g.get); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	var all []measure.Variant
	for _, n := range []int{1, 16, most} {
		for _, v := range s.Variants { // the base, beside what is compared with it
			if v.Callers == n {
				all = append(all, v)
			}
		}
		all = append(all,
			measure.Variant{Name: Load, Callers: n, Op: l.load, Prepare: l.forget, CPU: cpu},
			measure.Variant{Name: LoadUnverified, Callers: n, Op: trusting.load, CPU: cpu},
			measure.Variant{Name: DirectGet, Callers: n, Op: g.get, CPU: cpu})
	}
	s.Variants = all
	return nil
}

// loader loads through es.Store.
type loader struct {
	*History
	verifiers []es.Verifier // by connection
}

// forget empties the caches of verified signatures.
func (l *loader) forget(context.Context) error {
	for i, log := range l.log.logs {
		l.verifiers[i] = es.NewKeyRing(log, l.log.logKey.Public(), historyShards)
	}
	return nil
}

func (l *loader) load(ctx context.Context, caller int) error {
	agg, events := l.next(), 0
	head, err := es.Fold(ctx, l.verifiers[caller%connections], es.Head{}, l.log.log(caller).Load(ctx, agg, 0, es.AnyReplica),
		func(r es.Recorded) error { events += len(r.Events); return nil })
	if err != nil {
		return err
	}
	if events != l.commits || head.Version != uint64(l.commits) {
		return fmt.Errorf("loaded %d events, want %d", events, l.commits)
	}
	return nil
}

// trust verifies nothing: what signatures cost is the difference.
type trust struct{}

func (trust) Verify(context.Context, es.Recorded) error { return nil }

// getter makes the request of a load with nothing of ours around it.
type getter struct {
	*History
	inboxes [most]getterInbox
}

// getterInbox is one caller's standing subscription.
type getterInbox struct {
	nc      *nats.Conn
	subject string
	sub     *nats.Subscription
}

func newGetter(s *Section, h *History) (*getter, error) {
	g := &getter{History: h}
	conns := make([]*nats.Conn, connections)
	for i := range conns {
		var err error
		if conns[i], err = s.connect(h.log.server); err != nil {
			return nil, err
		}
	}
	for c := range g.inboxes {
		nc := conns[c%connections]
		in := getterInbox{nc: nc, subject: nc.NewInbox()}
		var err error
		if in.sub, err = nc.SubscribeSync(in.subject); err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		g.inboxes[c] = in
	}
	return g, nil
}

func (g *getter) get(ctx context.Context, caller int) error {
	in, agg := &g.inboxes[caller], g.next()
	stream := jetstream.StreamName(domain, es.Shard(agg.Partition(), historyShards))
	body, err := json.Marshal(map[string]any{"seq": 1, "batch": 1000, "next_by_subj": agg.Subject()})
	if err != nil {
		return err
	}
	if err := in.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, in.subject, body); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	for n := 0; ; n++ {
		m, err := in.sub.NextMsgWithContext(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case m.Header.Get("Status") == "204" && n == g.commits:
			return nil
		case m.Header.Get("Status") != "":
			return fmt.Errorf("status %s after %d messages", m.Header.Get("Status"), n)
		}
	}
}

// addSelects copies the history into a table and adds its variants.
func addSelects(ctx context.Context, s *Section, in Settings, h *History) error {
	server, err := s.StartPostgres(ctx, in)
	if err != nil || server == nil {
		return err
	}
	conns, err := connectAll(ctx, s, server)
	if err != nil {
		return err
	}
	if err := h.copyTo(ctx, conns[0]); err != nil {
		return err
	}
	q := &selecter{History: h, conns: conns}
	for _, n := range []int{1, 16, most} {
		s.Variants = append(s.Variants, measure.Variant{Name: PostgresSelect, Callers: n, Op: q.load, CPU: server.CPU})
	}
	return warm(ctx, 16, in.WarmUp, q.load)
}

// selecter reads an aggregate's rows.
type selecter struct {
	*History
	conns []*pgx.Conn
}

func (q *selecter) load(ctx context.Context, caller int) error {
	rows, err := q.conns[caller].Query(ctx, selectAll, q.next().ID)
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	defer rows.Close()
	n, version, kind, data := 0, 0, "", []byte(nil)
	for ; rows.Next(); n++ {
		if err := rows.Scan(&version, &kind, &data); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	if n != q.commits {
		return fmt.Errorf("selected %d rows, want %d: %w", n, q.commits, rows.Err())
	}
	return rows.Err()
}
