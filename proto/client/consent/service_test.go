package consent

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// service answers as its test says.
type service struct {
	consentv1.UnimplementedConsentServiceServer
	consentv1.UnimplementedAnswerServiceServer

	mu      sync.Mutex
	answer  *consentv1.Answer
	asked   int
	from    []string      // positions that watches began from
	away    bool          // no question is answered
	silent  bool          // no ping is
	gone    bool          // no position is known
	hold    chan struct{} // a question waits for it, if it is there
	holding chan struct{} // a question that waits says so
	changes chan *consentv1.Change
}

func (s *service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// asks is how often a question came.
func (s *service) asks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *service) Check(context.Context, *consentv1.CheckRequest) (*consentv1.CheckResponse, error) {
	s.mu.Lock()
	s.asked++
	answer, away, hold := s.answer, s.away, s.hold
	s.mu.Unlock()
	if away {
		return nil, status.Error(codes.Unavailable, "away")
	}
	if hold != nil {
		s.holding <- struct{}{}
		<-hold
	}
	return &consentv1.CheckResponse{Answer: answer}, nil
}

func (s *service) Watch(stream consentv1.AnswerService_WatchServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	var gone bool
	s.set(func() { s.from, gone = append(s.from, first.GetPosition()), s.gone && first.GetPosition() != "" })
	if gone {
		return status.Error(codes.OutOfRange, "gone")
	}
	if err := stream.Send(&consentv1.WatchResponse{Position: "start"}); err != nil {
		return err
	}
	pings := make(chan uint64)
	go func() {
		defer close(pings)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			pings <- r.GetPing()
		}
	}()
	for {
		out := &consentv1.WatchResponse{Position: "later"}
		select {
		case n, ok := <-pings:
			if !ok {
				return nil
			}
			var silent bool
			s.set(func() { silent = s.silent })
			if silent {
				continue
			}
			out.Ping, out.Age = n, durationpb.New(0)
		case c := <-s.changes:
			if c == nil {
				return status.Error(codes.Aborted, "too slow")
			}
			out.Changes = []*consentv1.Change{c}
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// start runs a service and a client that follows it.
func start(t testing.TB, cfg Config) (*service, *Client) {
	t.Helper()
	s := &service{
		answer:  &consentv1.Answer{Allowed: true, Reason: "CONSENT_GIVEN", AsOf: timestamppb.Now()},
		changes: make(chan *consentv1.Change), holding: make(chan struct{}),
	}
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	consentv1.RegisterConsentServiceServer(server, s)
	consentv1.RegisterAnswerServiceServer(server, s)
	go func() { _ = server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	c := New(conn, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = conn.Close()
		server.Stop()
	})
	wait(t, "the client follows", c.following)
	return s, c
}

// following reports whether memory may be asked.
func (c *Client) following() bool { return int64(c.now()) < c.fresh.Load() }

// wait waits for what will be.
func wait(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// patient is a bound that no slow machine passes.
func patient() Config { return Config{Bound: 30 * time.Second, Patience: time.Minute} }

func question(subject string) *consentv1.Question {
	return &consentv1.Question{
		SubjectRef: subject, Policy: "qcera", Action: consentv1.Action_ACTION_USE, Purpose: "mail.periodic",
		Categories: []string{"visitor.email"}, Source: consentv1.Source_SOURCE_ONLINE, Channel: "email",
	}
}

const jane, john = "aaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbba"

// answers checks, and holds the answer against what is wanted.
func (c *Client) answers(t testing.TB, q *consentv1.Question, want string) {
	t.Helper()
	a, err := c.Check(t.Context(), q)
	if got := a.Reason; err != nil || got != want {
		t.Errorf("answered %q, error %v; want %q", got, err, want)
	}
}

func TestWhatWasAskedIsAnsweredFromMemoryUntilItChanges(t *testing.T) {
	for name, change := range map[string]*consentv1.Change{
		"the person":    {Kind: consentv1.ChangeKind_CHANGE_KIND_PERSON, Id: jane},
		"a policy":      {Kind: consentv1.ChangeKind_CHANGE_KIND_POLICY, Id: "qcera"},
		"nobody knows":  {Kind: consentv1.ChangeKind_CHANGE_KIND_UNSPECIFIED},
		"a later thing": {Kind: 99, Id: "x"},
	} {
		s, c := start(t, patient())
		for range 3 {
			c.answers(t, question(jane), "CONSENT_GIVEN")
		}
		if n := s.asks(); n != 1 {
			t.Errorf("%s: the service was asked %d times", name, n)
		}
		s.set(func() { s.answer = &consentv1.Answer{Reason: "CONSENT_WITHDRAWN", AsOf: timestamppb.Now()} })
		before := c.part(jane).changes()
		s.changes <- change
		wait(t, "the change arrives", func() bool { return c.part(jane).changes() != before })
		c.answers(t, question(jane), "CONSENT_WITHDRAWN")
	}
}

func TestAChangeOfSomebodyElseLeavesWhatIsKept(t *testing.T) {
	s, c := start(t, patient())
	c.answers(t, question(jane), "CONSENT_GIVEN")
	other, before := john, c.part(john).changes()
	s.changes <- &consentv1.Change{Kind: consentv1.ChangeKind_CHANGE_KIND_PERSON, Id: other}
	wait(t, "the change arrives", func() bool { return c.part(john).changes() != before })
	s.changes <- &consentv1.Change{Kind: consentv1.ChangeKind_CHANGE_KIND_RECIPIENT, Id: "them"}
	c.answers(t, question(jane), "CONSENT_GIVEN")
	if n := s.asks(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnAnswerThatAChangeHasOvertakenIsNotKept(t *testing.T) {
	for name, tc := range map[string]struct {
		who  string
		asks int // in all
	}{"the person changed meanwhile": {jane, 2}, "twin: nobody changed": {"", 1}} {
		s, c := start(t, patient())
		hold := make(chan struct{})
		s.set(func() { s.hold = hold })
		done := make(chan struct{})
		go func() { defer close(done); c.answers(t, question(jane), "CONSENT_GIVEN") }()
		<-s.holding // the service has looked, and has not answered
		s.set(func() {
			s.hold, s.answer = nil, &consentv1.Answer{Reason: "CONSENT_WITHDRAWN", AsOf: timestamppb.Now()}
		})
		want := "CONSENT_GIVEN"
		if tc.who != "" {
			before := c.part(jane).changes()
			s.changes <- &consentv1.Change{Kind: consentv1.ChangeKind_CHANGE_KIND_PERSON, Id: tc.who}
			wait(t, "the change arrives", func() bool { return c.part(jane).changes() != before })
			want = "CONSENT_WITHDRAWN"
		}
		close(hold)
		<-done
		c.answers(t, question(jane), want)
		if n := s.asks(); n != tc.asks {
			t.Errorf("%s: asked %d times, want %d", name, n, tc.asks)
		}
	}
}

func TestBehindItsBoundAClientAsksAndWithoutAServiceItAllowsNothing(t *testing.T) {
	s, c := start(t, Config{Bound: 200 * time.Millisecond, Patience: time.Minute})
	c.answers(t, question(jane), "CONSENT_GIVEN")
	s.set(func() { s.silent = true })
	wait(t, "the client is behind", func() bool { return !c.following() })
	s.set(func() { s.answer = &consentv1.Answer{Reason: "CONSENT_WITHDRAWN", AsOf: timestamppb.Now()} })
	c.answers(t, question(jane), "CONSENT_WITHDRAWN")
	s.set(func() { s.away = true })
	if a, err := c.Check(t.Context(), question(jane)); a.Allowed || !errors.Is(err, ErrNoAnswer) {
		t.Errorf("without a service: %+v, error %v", a, err)
	}
}

func TestAnAnswerIsKeptAsLongAsItStaysByItself(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		answer *consentv1.Answer
		asks   int
	}{
		"it ends in an hour":       {&consentv1.Answer{AsOf: timestamppb.New(now), ValidUntil: timestamppb.New(now.Add(time.Hour))}, 1},
		"whatever the clocks say":  {&consentv1.Answer{AsOf: timestamppb.New(now.Add(-24 * time.Hour)), ValidUntil: timestamppb.New(now.Add(-23 * time.Hour))}, 1},
		"it ends at once":          {&consentv1.Answer{AsOf: timestamppb.New(now), ValidUntil: timestamppb.New(now)}, 2},
		"nobody knows its moment":  {&consentv1.Answer{}, 2},
		"other references count":   {&consentv1.Answer{AsOf: timestamppb.New(now), Joined: true}, 2},
		"nothing ends it but news": {&consentv1.Answer{AsOf: timestamppb.New(now)}, 1},
	} {
		s, c := start(t, patient())
		s.set(func() { s.answer = tc.answer })
		for range 2 {
			c.answers(t, question(jane), "")
		}
		if n := s.asks(); n != tc.asks {
			t.Errorf("%s: asked %d times, want %d", name, n, tc.asks)
		}
	}
}

func TestAWatchGoesOnFromWhereItWasAndForgetsWhatItCannotKnow(t *testing.T) {
	for name, gone := range map[string]bool{"it goes on": false, "the position is gone": true} {
		s, c := start(t, patient())
		c.answers(t, question(jane), "CONSENT_GIVEN")
		wait(t, "a position", func() bool { return c.following() })
		s.set(func() { s.gone = gone })
		before := c.part(jane).changes()
		s.changes <- nil // ends the watch
		watches := map[bool]int{false: 2, true: 3}[gone]
		wait(t, "another watch", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.from) >= watches })
		if gone {
			wait(t, "memory is empty", func() bool { return c.part(jane).changes() != before })
		}
		s.set(func() {
			if s.from[0] != "" || s.from[1] == "" || gone && s.from[2] != "" {
				t.Errorf("%s: watches began from %q", name, s.from)
			}
		})
		c.answers(t, question(jane), "CONSENT_GIVEN")
		if want := map[bool]int{false: 1, true: 2}[gone]; s.asks() != want {
			t.Errorf("%s: asked %d times, want %d", name, s.asks(), want)
		}
	}
}
