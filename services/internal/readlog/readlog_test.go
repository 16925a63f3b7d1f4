package readlog_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	accessv1 "habeas.internal/proto/gen/habeas/access/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/readlog"
	"habeas.internal/services/internal/rpc"

	"google.golang.org/protobuf/proto"
)

// store is a log whose first commits wait until the gate opens.
type store struct {
	*es.MemoryStore
	gate chan struct{}

	mu      sync.Mutex
	commits []es.Commit
	fail    []error
}

func newStore(t *testing.T) *store {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{MemoryStore: es.NewMemoryStore(signer), gate: make(chan struct{})}
	return s
}

func (s *store) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return es.Recorded{}, es.ErrUnknownOutcome
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, err := s.MemoryStore.Append(ctx, head, c)
	if err == nil {
		s.commits = append(s.commits, c)
	}
	if len(s.fail) > 0 && s.fail[0] != nil {
		err = s.fail[0]
	}
	s.fail = s.fail[min(1, len(s.fail)):]
	return rec, err
}

func newLog(t *testing.T, s *store, change func(*readlog.Config)) *readlog.Log {
	t.Helper()
	cfg := readlog.Config{Store: s, Service: "identity", Random: rand.Reader}
	if change != nil {
		change(&cfg)
	}
	l, err := readlog.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(refs ...string) rpc.Read {
	return rpc.Read{At: time.Unix(1e9, 0).UTC(), Tenant: "acme", Actor: "actor", Method: "/a.B/C", Refs: refs}
}

func allowed(t *testing.T, e es.Event) *accessv1.ReadAllowed {
	t.Helper()
	m := &accessv1.ReadAllowed{}
	if err := proto.Unmarshal(e.Data, m); err != nil || e.Type != "access.read_allowed" {
		t.Fatalf("event %s: %v", e.Type, err)
	}
	return m
}

func TestCallsThatArriveTogetherShareACommit(t *testing.T) {
	s := newStore(t)
	l := newLog(t, s, nil)
	const callers = 65
	done := make(chan error, callers)
	for i := range callers {
		go func() { done <- l.Record(t.Context(), read(fmt.Sprintf("ref-%02d", i))) }()
	}
	close(s.gate)
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	seen := map[string]int{}
	for _, c := range s.commits {
		if c.Aggregate != s.commits[0].Aggregate || c.Aggregate.Type != "identity" || c.Aggregate.Context != "access" || c.Aggregate.Tenant != "acme" {
			t.Errorf("commit of %v", c.Aggregate)
		}
		for _, e := range c.Events {
			seen[allowed(t, e).GetSubjectRefs()[0]]++
		}
	}
	if len(seen) != callers || len(s.commits) >= callers {
		t.Errorf("%d commits hold %d readings, want all %d in fewer commits", len(s.commits), len(seen), callers)
	}
}

func TestWhatIsNotConfirmedIsWrittenInANewSessionOrNotAtAll(t *testing.T) {
	for name, tc := range map[string]struct {
		fail []error
		want error
		ids  int // sessions
	}{
		"a lost answer":         {[]error{nil, es.ErrUnknownOutcome}, nil, 2},
		"another commit":        {[]error{nil, es.ErrConflict}, nil, 2},
		"two lost answers":      {[]error{nil, es.ErrUnknownOutcome, es.ErrUnknownOutcome}, readlog.ErrNotWritten, 2},
		"no right to append":    {[]error{nil, es.ErrForbidden}, readlog.ErrNotWritten, 1},
		"everything as it does": {nil, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			close(s.gate)
			s.fail = tc.fail
			l := newLog(t, s, nil)
			if err := l.Record(t.Context(), read("a")); err != nil {
				t.Fatal(err)
			}
			if err := l.Record(t.Context(), read("b")); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			sessions := map[es.Aggregate]bool{}
			ids := map[string]bool{}
			for _, c := range s.commits {
				sessions[c.Aggregate] = true
				ids[allowed(t, c.Events[0]).GetReading().GetReadingId()] = true
			}
			if len(sessions) != tc.ids || len(ids) != 2 {
				t.Errorf("%d sessions, want %d; %d ids of readings", len(sessions), tc.ids, len(ids))
			}
			if err := l.Record(t.Context(), read("c")); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

func TestALogThatDoesNotAnswerHoldsNobodyForever(t *testing.T) {
	s := newStore(t)
	l := newLog(t, s, func(c *readlog.Config) { c.Queue, c.Patience = 1, time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- l.Record(ctx, read("a")) }()
	full := false
	for !full { // the writer takes the first one at some moment
		short, stop := context.WithTimeout(t.Context(), time.Millisecond)
		full = errors.Is(l.Record(short, read("b")), readlog.ErrFull)
		stop()
	}
	cancel()
	if err := <-first; !errors.Is(err, readlog.ErrNotWritten) {
		t.Errorf("a caller who left got %v", err)
	}
	close(s.gate)
}

func TestManyPeopleAreCountedAndVouchedFor(t *testing.T) {
	s := newStore(t)
	close(s.gate)
	l := newLog(t, s, nil)
	var refs []string
	for i := range 150 {
		refs = append(refs, fmt.Sprintf("ref-%03d", i))
	}
	if err := l.Record(t.Context(), read(slices.Concat(refs[75:], refs)...)); err != nil {
		t.Fatal(err)
	}
	got := allowed(t, s.commits[0].Events[0])
	if !slices.Equal(got.GetSubjectRefs(), refs[:100]) || got.GetSubjects() != 150 || !bytes.Equal(got.GetSubjectsDigest(), readlog.Digest(refs)) {
		t.Errorf("%d listed, %d counted", len(got.GetSubjectRefs()), got.GetSubjects())
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	s := newStore(t)
	close(s.gate)
	r := read()
	r.Refusal, r.Count = "ROLE_REQUIRED", 3
	if err := newLog(t, s, nil).Record(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	m := &accessv1.ReadRefused{}
	e := s.commits[0].Events[0]
	if err := proto.Unmarshal(e.Data, m); err != nil || e.Type != "access.read_refused" || m.GetReason() != "ROLE_REQUIRED" || m.GetCount() != 3 {
		t.Errorf("%s: %v, %v", e.Type, m, err)
	}
}

func TestALogWithoutAStoreOrNameIsNone(t *testing.T) {
	for _, cfg := range []readlog.Config{{}, {Store: newStore(t), Random: rand.Reader, Service: "Not A Name"}} {
		if _, err := readlog.New(cfg); err == nil {
			t.Errorf("made one of %v", cfg.Service)
		}
	}
}
