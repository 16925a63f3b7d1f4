package ending_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/ending"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	tenant = "acme"
	ada    = "adaadaadaadaadaadaadaadaaa"
	bob    = "bobbobbobbobbobbobbobbobba"
	talk   = "talktalktalktalktalktalkta"
)

var errCrash = errors.New("the process is gone")

// log is retention's log. It lets a number of appends pass, and none after them.
type log struct {
	*es.MemoryStore
	world *world
}

func (l *log) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	if err := l.world.step(); err != nil {
		return es.Recorded{}, err
	}
	return l.MemoryStore.Append(ctx, head, c)
}

type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

// world is a conversation of two whose only period has ended, the log, and
// identity. Processes come and go.
type world struct {
	*testing.T
	people *rpc.Server
	talks  rpc.Conversations

	mu     sync.Mutex
	now    time.Time
	left   int // steps until a crash; none below 0
	states map[string]identityv1.SubjectState
	gone   []string // keys that were destroyed
	then   func()   // called when identity is asked to destroy
	fails  bool     // what identity does then
}

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: noon(), left: -1, states: map[string]identityv1.SubjectState{}}
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store := &log{MemoryStore: es.NewMemoryStore(signer), world: w}
	digester, tracer := es.KeyedDigester("key"), noop.NewTracerProvider().Tracer("")
	persons, err := rpc.NewPersons(rpc.Persons{Store: store, Verifier: trusting{}, Digester: digester, Tracer: tracer, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.talks, err = rpc.NewConversations(rpc.Conversations{Store: store, Verifier: trusting{}, Digester: digester, Tracer: tracer, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.people = &rpc.Server{Persons: persons, Now: w.clock, Subjects: w}
	w.command(conversation.OpenConversation{Plan: "plan", Participants: []string{ada, bob}, At: noon().Add(-2 * time.Hour)})
	w.period(noon().Add(-2 * time.Hour))
	return w
}

// period begins an hour's period, kept for nothing.
func (w *world) period(begins time.Time) {
	w.Helper()
	ends := begins.Add(time.Hour)
	w.command(conversation.Enter{
		Terms: conversation.Terms{Archive: "none", Keep: "P0D", Authority: "PT-05", KeepUntil: ends}, Begins: begins, Ends: ends, At: begins,
	})
}

func (w *world) command(cmd conversation.Command) {
	w.Helper()
	_, err := w.talks.Handle(w.Context(), rpc.ConversationOf(tenant, talk), es.Command[conversation.Command]{
		ID: es.DeriveID(tenant, "test", rand.Text()), At: w.clock(), Data: cmd,
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// step is one that the outside world sees; from a crash on there are none.
func (w *world) step() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return errCrash
	}
	w.left--
	return nil
}

// lives: from now on the process crashes after so many steps.
func (w *world) lives(steps int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = steps
}

// crashed says that it did.
func (w *world) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left == 0
}

// GetSubject is part of rpc.Subjects.
func (w *world) GetSubject(_ context.Context, r *identityv1.GetSubjectRequest, _ ...grpc.CallOption) (*identityv1.GetSubjectResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state, ok := w.states[r.GetSubjectRef()]; ok {
		return &identityv1.GetSubjectResponse{State: state}, nil
	}
	return &identityv1.GetSubjectResponse{State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE}, nil
}

// DestroyKeys is part of ending.Keys. It holds what every destruction has to
// have: its beginning in the log, and a permit of everyone.
func (w *world) DestroyKeys(ctx context.Context, r *identityv1.DestroyKeysRequest, _ ...grpc.CallOption) (*identityv1.DestroyKeysResponse, error) {
	if w.then != nil {
		w.then()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.fails {
		return nil, status.Error(codes.Unavailable, "x")
	}
	if err := w.step(); err != nil {
		return nil, err
	}
	state := w.state()
	for _, name := range r.GetKeys() {
		n := slices.IndexFunc(state.Periods, func(p conversation.Period) bool {
			return name.GetHolder() == "conversation-"+talk+"-"+strconv.FormatUint(uint64(p.Number), 10)
		})
		if n < 0 || state.Periods[n].BegunAt.IsZero() || name.GetClass() != sealv1.KeyClass_KEY_CLASS_MESSAGE {
			w.Errorf("the key %s goes, and nothing tells of it", name.GetHolder())
		}
	}
	for _, ref := range state.Participants {
		if len(w.person(ref).OpenPermits(w.clock())) == 0 {
			w.Errorf("a key goes without the permit of %s", ref)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range r.GetKeys() {
		if !slices.Contains(w.gone, name.GetHolder()) {
			w.gone = append(w.gone, name.GetHolder())
		}
	}
	return &identityv1.DestroyKeysResponse{ResidueEndsAt: timestamppb.New(w.now.AddDate(0, 0, 15))}, nil
}

func (w *world) state() conversation.Conversation {
	w.Helper()
	s, _, err := w.talks.Load(w.Context(), rpc.ConversationOf(tenant, talk), es.Leader)
	if err != nil {
		w.Error(err)
	}
	return s
}

func (w *world) person(ref string) person.Person {
	w.Helper()
	s, _, err := w.people.Persons.Load(w.Context(), rpc.PersonOf(tenant, ref), es.Leader)
	if err != nil {
		w.Error(err)
	}
	return s
}

func (w *world) tell(ref string, cmd person.Command) {
	w.Helper()
	_, err := w.people.Persons.Handle(w.Context(), rpc.PersonOf(tenant, ref), es.Command[person.Command]{
		ID: es.DeriveID(tenant, "test", rand.Text()), At: w.clock(), Data: cmd,
	})
	if err != nil {
		w.Error(err)
	}
}

func (w *world) hold(ref string) {
	w.Helper()
	w.tell(ref, person.PlaceHold{Hold: "hold", Ground: "legal_claim", Authority: "Case 4/26", At: w.clock(), ReviewAt: w.clock().AddDate(0, 6, 0)})
}

func (w *world) release(ref string) {
	w.Helper()
	w.tell(ref, person.ReleaseHold{Hold: "hold", At: w.clock()})
}

// ender is a process that has just started: it has read the log anew.
func (w *world) ender() ending.Ender {
	w.Helper()
	clocks := ending.New(w.talks.Registry)
	var batch []es.Recorded
	for r, err := range w.talks.Store.Load(w.Context(), rpc.ConversationOf(tenant, talk), 0, es.Leader) {
		if err != nil {
			w.Fatal(err)
		}
		batch = append(batch, r)
	}
	from, err := clocks.Checkpoint(w.Context(), batch[0].Position.Stream, batch[0].Position.Epoch)
	if err == nil {
		err = clocks.Apply(w.Context(), from, batch)
	}
	if err != nil {
		w.Fatal(err)
	}
	return ending.Ender{
		Clocks: clocks, Conversations: w.talks, Permits: w.people, Keys: w, Now: w.clock, Every: time.Minute, Log: slog.New(slog.DiscardHandler),
	}
}

// ends: a process that starts now ends all that is due.
func (w *world) ends(what string) {
	w.Helper()
	if err := w.ender().End(w.Context()); err != nil {
		w.Errorf("%s: %v", what, err)
	}
}

// stands is how the periods stand, and which keys went.
func (w *world) stands(what string, stage conversation.Stage, gone ...uint32) {
	w.Helper()
	for _, p := range w.state().Periods {
		if got := p.Stage(w.clock()); got != stage {
			w.Errorf("%s: period %d is at stage %d, want %d", what, p.Number, got, stage)
		}
	}
	var want []string
	for _, n := range gone {
		want = append(want, fmt.Sprintf("conversation-%s-%d", talk, n))
	}
	if !slices.Equal(want, w.gone) {
		w.Errorf("%s: gone are %v, want %v", what, w.gone, want)
	}
}

// told counts the commits that tell of something.
func (w *world) told(event string) int {
	w.Helper()
	n := 0
	for r, err := range w.talks.Store.Load(w.Context(), rpc.ConversationOf(tenant, talk), 0, es.Leader) {
		if err != nil {
			w.Fatal(err)
		}
		for _, ev := range r.Events {
			if ev.Type == event {
				n++
			}
		}
	}
	return n
}
