package view_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/internal/personal"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// one is a log of one shard.
type one struct{}

func (one) Locate(es.Aggregate) (es.Position, error) {
	return es.Position{Stream: "memory", Epoch: "memory"}, nil
}

func (one) End(context.Context, string) (es.Token, error) { return es.Token{}, nil }

// model is a read model that has seen everything that a world has done.
func model(t *testing.T, w *fake.World, commits []es.Recorded) view.Lister {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = client.Close() })
	m := view.Model(w.Handlers.Requests.Registry)
	from := es.Checkpoint{Position: es.Position{Stream: "memory", Epoch: "memory"}}
	for _, r := range commits {
		if err := readmodel.NewSink(client, m).Apply(t.Context(), from, []es.Recorded{r}); err != nil {
			t.Fatal(err)
		}
		from = es.CheckpointAt(r)
	}
	reader, err := readmodel.NewReader(t.Context(), client, m, one{}, "fulfilment")
	if err != nil {
		t.Fatal(err)
	}
	return view.Lister{Reader: reader, Shards: []es.Aggregate{{Context: "fulfilment", Tenant: "_log", Type: "control", ID: "00"}}}
}

// take runs a world and returns everything that was appended.
func take(t *testing.T, w *fake.World) []es.Recorded {
	t.Helper()
	var out []es.Recorded
	for {
		r, ok := w.Log.Next()
		if !ok {
			return out
		}
		out = append(out, r)
		if err := w.Carrier.React(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheListIsNewestFirstInPages(t *testing.T) {
	w := fake.NewWorld(t)
	var want []string
	for i := range 450 {
		agg := w.Submit(request.Access, fmt.Sprint(i))
		want = append(want, agg.ID)
		w.Clock.To(w.Clock.Now().Add(time.Duration(i%3) * time.Second)) // some at the same moment
	}
	slices.Reverse(want)
	var commits []es.Recorded
	for {
		r, ok := w.Log.Next()
		if !ok {
			break
		}
		commits = append(commits, r)
	}
	l := model(t, w, commits)
	var got []string
	after := ""
	for {
		lines, next, err := l.List(t.Context(), fake.Tenant, 0, after, 60, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			got = append(got, line.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	for i := range got[:10] {
		if got[i] != want[i] {
			t.Errorf("line %d is %s, want %s", i, got[i], want[i])
		}
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(want) {
		t.Error("a request is shown twice")
	}
	if lines, _, err := l.List(t.Context(), "other", 0, "", 60, nil); err != nil || len(lines) > 0 {
		t.Errorf("another tenant sees %d, error %v", len(lines), err)
	}
	if _, _, err := l.List(t.Context(), fake.Tenant, 0, "nonsense", 60, nil); !errors.Is(err, view.ErrBadPage) {
		t.Errorf("a token of nobody's: %v", err)
	}
}

func TestTheListShowsStatesAndTheSweepWhatIsOpen(t *testing.T) {
	w := fake.NewWorld(t)
	w.AddSystem("shop")
	open := w.Submit(request.Access, "open")
	closed := w.Submit(request.Erasure, "closed")
	commits := take(t, w)
	w.Verify(closed)
	commits = append(commits, take(t, w)...)
	l := model(t, w, commits)
	for stage, want := range map[request.Stage]string{request.Received: open.ID, request.Over: closed.ID} {
		lines, _, err := l.List(t.Context(), fake.Tenant, stage, "", 10, nil)
		if err != nil || len(lines) != 1 || lines[0].ID != want {
			t.Errorf("stage %d: %v, error %v", stage, lines, err)
		}
	}
	lines, _, err := l.List(t.Context(), fake.Tenant, request.Over, "", 10, nil)
	if err != nil || lines[0].Outcome != request.Complete || lines[0].DueAt.IsZero() {
		t.Errorf("%+v, error %v", lines, err)
	}
	var timers []string
	for timer, err := range l.Open(w.Clock.Now)(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		timers = append(timers, timer.Aggregate.ID)
	}
	if !slices.Equal(timers, []string{open.ID}) {
		t.Errorf("the sweep finds %v, want the one that is not finished", timers)
	}
}

// TestAProofThatIsNotEnoughLeavesARequestWhereItWas, in the list as in what is
// said of the request itself. The twins: one that is, and one that is held then.
func TestAProofThatIsNotEnoughLeavesARequestWhereItWas(t *testing.T) {
	for name, tc := range map[string]struct {
		level uint32
		delay time.Duration
		want  request.Stage
	}{
		"not enough":      {level: 4, want: request.Received},
		"enough":          {level: 3, want: request.Over},
		"enough and held": {level: 3, delay: time.Hour, want: request.Planning},
	} {
		w := fake.NewWorld(t)
		w.AddSystem("shop")
		w.Peers.Set(func(p *fake.Peers) { p.Level = 3 })
		id, now := carry.RequestOf(fake.Tenant, es.DeriveID(fake.Tenant, "submit", name)), w.Clock.Now()
		if _, err := w.Handlers.Requests.Handle(t.Context(), id, es.Command[request.Command]{ID: name, At: now, Data: request.Submit{
			Right: request.Erasure, Kind: 1, Identifier: personal.Clear(fake.Jane), Channel: "web", ReceivedAt: now, At: now,
			Terms: request.Terms{Policy: "shop", PolicyVersion: 3, Pack: "gdpr@1", Zone: "UTC", DueAt: now.AddDate(0, 1, 0), Level: tc.level, Delay: tc.delay},
		}}); err != nil {
			t.Fatal(err)
		}
		commits := take(t, w)
		w.Verify(id)
		commits = append(commits, take(t, w)...)
		lines, _, err := model(t, w, commits).List(t.Context(), fake.Tenant, 0, "", 10, nil)
		if err != nil || len(lines) != 1 || lines[0].Stage != tc.want || w.State(id).Stage() != tc.want {
			t.Errorf("%s: %+v, in itself %d, error %v", name, lines, w.State(id).Stage(), err)
		}
	}
}
