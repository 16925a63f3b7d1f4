package fake

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/vocabulary"
	"habeas.internal/services/fulfilment/internal/wire"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/personal"

	"go.opentelemetry.io/otel/trace/noop"
)

// World is a fulfilment service with everything around it.
type World struct {
	T        testing.TB
	Log      *Log
	Clock    *Clock
	Keys     *eventpbtest.Keys
	Peers    *Peers
	Systems  Systems
	Post     *Post
	Packages *pack.Store
	Handlers carry.Handlers
	Carrier  *carry.Carrier
	// Phones says that text messages are sent, from the next Restart on.
	Phones bool
	// Crash is asked at every point, one at a time; see carry.Config.
	Crash func(point string) error

	crash sync.Mutex
}

// Jane is the person of the tests, and her reference.
const (
	Jane    = "jane@example.com"
	JaneRef = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// NewWorld makes a world with two systems that hold what Jane and another
// person gave.
func NewWorld(t testing.TB) *World {
	t.Helper()
	w := &World{
		T: t, Log: NewLog(t), Clock: NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), Keys: new(eventpbtest.Keys),
		Systems: Systems{Holders: map[string]*Holder{}}, Post: new(Post),
	}
	w.Peers = NewPeers(w.Clock, w.Keys)
	w.Peers.Known[Jane] = JaneRef
	store := url.URL{Scheme: "file", Path: t.TempDir(), RawQuery: "no_tmp_dir=true&metadata=skip"}
	var err error
	if w.Packages, err = pack.Open(context.Background(), store.String(), w.Keys, w.Keys); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Packages.Close() })
	w.Handlers, err = carry.NewHandlers(wire.Log{
		Store: w.Log, Verifier: w.Log.Ring, Digester: es.KeyedDigester("test"), Tracer: noop.NewTracerProvider().Tracer(""),
		Random: rand.Reader, Sealer: w.Keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Restart()
	return w
}

// Restart makes a new carrier, as a new process does.
func (w *World) Restart() {
	w.Carrier = carry.New(carry.Config{
		Tracer:   noop.NewTracerProvider().Tracer(""),
		Handlers: w.Handlers, Peers: carry.Peers{
			Subjects: w.Peers, Verifications: w.Peers, Keys: w.Peers, Suppression: w.Peers, Staff: w.Peers, Settings: w.Peers, Tenants: w.Peers, Consent: w.Peers, Disclosures: w.Peers, Policies: w.Peers, Retention: w.Peers,
		},
		Connect: w.Systems, Words: vocabulary.New(w.Peers, w.Peers), Opener: w.Keys, Packages: w.Packages, Mailer: w.Post, Phones: w.Phones, Timers: w.Log, Random: rand.Reader,
		Pin: func(_ context.Context, _, policy string, at time.Time) (request.Terms, error) {
			return request.Terms{Policy: policy, PolicyVersion: 3, Pack: "gdpr@1", Zone: "UTC", DueAt: at.AddDate(0, 1, 0)}, nil
		},
		Now: w.Clock.Now, Log: logs.Discard(), PackageLife: 30 * 24 * time.Hour, CancelPage: "https://privacy.example/cancel",
		Crash: func(point string) error {
			if w.Crash == nil {
				return nil
			}
			w.crash.Lock()
			defer w.crash.Unlock()
			return w.Crash(point)
		},
	})
}

// AddSystem registers a system in which Jane and John have two rows each.
func (w *World) AddSystem(name string) *Holder {
	w.T.Helper()
	h := &Holder{
		Name: name, Permitted: w.Peers.Permitted,
		Collection: []connector.Part{
			{Collection: "customer", Category: "user.contact"},
			{Collection: "invoice", Category: "user.financial"},
			{Collection: "ticket", Category: "user.content"},
		},
	}
	for _, owner := range []string{Jane, "john@example.com"} {
		h.Rows = append(h.Rows,
			Row{Owner: owner, Collection: "customer", Values: map[string]string{"user.contact": owner}},
			Row{Owner: owner, Collection: "invoice", Values: map[string]string{"user.financial": "12.50"}})
	}
	w.Systems.Holders[name] = h
	ctx := context.Background()
	res, err := w.Handlers.Systems.Handle(ctx, carry.SystemOf(Tenant, name), es.Command[system.Command]{
		ID: "register-" + name, At: w.Clock.Now(), Data: system.Register{
			Description: system.Description{System: name, Connector: 3, Connection: name, Region: "us", BackupDays: 30, Collections: 3},
			At:          w.Clock.Now(),
		},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	v, _ := res.State.Latest()
	if err := w.Carrier.List(ctx, Tenant, v, false); err != nil {
		w.T.Fatal(err)
	}
	return h
}

// Submit makes a request of Jane's.
func (w *World) Submit(right request.Right, key string) es.Aggregate {
	w.T.Helper()
	return w.SubmitBy(Jane, right, key)
}

// SubmitBy makes a request of whoever is known by an address.
func (w *World) SubmitBy(address string, right request.Right, key string) es.Aggregate {
	w.T.Helper()
	agg := carry.RequestOf(Tenant, es.DeriveID(Tenant, "submit", key))
	now := w.Clock.Now()
	terms := request.Terms{Policy: "shop", PolicyVersion: 3, Pack: "gdpr@1", Zone: "UTC", DueAt: now.AddDate(0, 1, 0)}
	if right == request.DisclosureList {
		terms.Year, terms.AnswersUntil = uint32(now.Year())-1, time.Date(now.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	_, err := w.Handlers.Requests.Handle(context.Background(), agg, es.Command[request.Command]{
		ID: key, At: now, Data: request.Submit{
			Right: right, Kind: 1, Identifier: personal.Clear(address), Channel: "web", ReceivedAt: now, At: now,
			Terms: terms,
		},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return agg
}

// State is a request as it stands.
func (w *World) State(agg es.Aggregate) request.Request {
	w.T.Helper()
	s, _, err := w.Handlers.Requests.Load(context.Background(), agg, es.Leader)
	if err != nil {
		w.T.Fatal(err)
	}
	return s
}

// Verify hands in the code for a request.
func (w *World) Verify(agg es.Aggregate) {
	w.T.Helper()
	s := w.State(agg)
	w.Peers.Set(func(p *Peers) {
		v := p.verified[s.Verification]
		if v == nil {
			w.T.Fatal("no verification was started")
		}
		v.State, v.AssuranceLevel = 2, p.Level
	})
	if _, err := w.Carrier.FollowUp(context.Background(), agg, s); err != nil {
		w.T.Fatal(err)
	}
}

// maxReactions bounds a run that does not come to rest.
const maxReactions = 5000

// Settle lets the service react to everything that was appended. A reaction
// that fails is made again by a new process.
func (w *World) Settle() {
	w.T.Helper()
	for range maxReactions {
		r, ok := w.Log.Next()
		if !ok {
			return
		}
		if err := w.Carrier.React(context.Background(), r); err != nil {
			w.Log.Again(r)
			w.Restart()
		}
	}
	w.T.Fatal("the service does not come to rest")
}

// Run settles and moves the clock from timer to timer until the end.
func (w *World) Run(until time.Time) {
	w.T.Helper()
	for range maxReactions {
		w.Settle()
		t, ok := w.Log.Fire()
		if !ok || t.At.After(until) {
			if ok {
				_ = w.Log.SetTimer(context.Background(), t)
			}
			w.Clock.To(until)
			return
		}
		w.Clock.To(t.At)
		if err := w.Carrier.Resume(context.Background(), t.Aggregate); err != nil {
			w.Restart()
			_ = w.Log.SetTimer(context.Background(), t)
		}
	}
	w.T.Fatal("the service does not come to rest")
}

// ErrCrash is what a crash in a test ends with.
var ErrCrash = errors.New("the process died")
