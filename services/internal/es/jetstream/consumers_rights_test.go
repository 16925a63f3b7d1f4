package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// durable is the consumer of identity's process on its first stream.
const durable = "identity-reactions-habeas_identity_00"

// working makes that consumer as identity's process does, with work for it.
func (a alone) working(t *testing.T) natsjs.Consumer {
	t.Helper()
	js, err := natsjs.New(a.admin)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.CreateOrUpdateConsumer(t.Context(), jetstream.StreamName("identity", 0), natsjs.ConsumerConfig{
		Durable: durable, AckPolicy: natsjs.AckExplicitPolicy, MaxDeliver: -1, MaxAckPending: 256, AckWait: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func acknowledged(t *testing.T, c natsjs.Consumer) uint64 {
	t.Helper()
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.AckFloor.Stream
}

// The twin is the administrator, for whom the same requests do it.
func TestWhoReadsAStreamCanNotTakeWhatAnothersProcessIsToDo(t *testing.T) {
	a := consentAlone(t)
	c, stream := a.working(t), jetstream.StreamName("identity", 0)
	one, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	ack := one.Reply()
	for name, subject := range map[string]string{
		"its next message":  "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + durable,
		"its removal":       "$JS.API.CONSUMER.DELETE." + stream + "." + durable,
		"its state":         "$JS.API.CONSUMER.INFO." + stream + "." + durable,
		"its pause":         "$JS.API.CONSUMER.PAUSE." + stream + "." + durable,
		"a list of all":     "$JS.API.CONSUMER.NAMES." + stream,
		"an acknowledgment": ack,
	} {
		if err := a.nc.PublishRequest(subject, a.nc.NewInbox(), nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-a.refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: reported as %v", name, err)
			}
		case <-time.After(60 * time.Second):
			t.Errorf("%s: no refusal was reported", name)
		}
	}
	if n := acknowledged(t, c); n != 0 {
		t.Errorf("%d of identity's commits are acknowledged", n)
	}
	if err := a.admin.Publish(ack, nil); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, 60*time.Second, func() error {
		if acknowledged(t, c) == 0 {
			return errors.New("who may acknowledge can't either: this test shows nothing")
		}
		return nil
	})
}

// An answer with no body, or with the right one, acknowledges. The server takes no
// request whose answer is to go there; if a later one does, this fails.
func TestTheAnswerToAReadCanNotAcknowledge(t *testing.T) {
	a := consentAlone(t)
	c := a.working(t)
	one, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(a.nc)
	if err != nil {
		t.Fatal(err)
	}
	put, err := js.Publish(t.Context(), "habeas.ev.consent.00.t.counter.a", []byte("+ACK"))
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{put.Sequence, 1000000} {
		query := fmt.Appendf(nil, `{"seq":%d}`, seq)
		if err := a.nc.PublishRequest("$JS.API.DIRECT.GET."+put.Stream, one.Reply(), query); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-a.refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("reported as %v", err)
			}
		case <-time.After(60 * time.Second):
			t.Error("no refusal was reported")
		}
		if _, err := a.nc.Request("$JS.API.DIRECT.GET."+put.Stream, query, 60*time.Second); err != nil { // worked off in order
			t.Fatal(err)
		}
	}
	if n := acknowledged(t, c); n != 0 {
		t.Errorf("%d of identity's commits are acknowledged", n)
	}
}

// A feed goes to a subject that its reader chooses. The server delivers only where
// somebody listens to that very subject, which nobody does where it would do harm.
func TestAFeedCanNotBeSentWhereTheServiceMayNotWrite(t *testing.T) {
	a := consentAlone(t)
	agg := counter(t)
	agg.Context = "consent"
	if _, err := a.log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(a.nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "habeas.ev.consent.00.t.counter.raw", []byte("no header names the stream")); err != nil {
		t.Fatal(err)
	}
	before := streams(t, a.admin)
	for i, to := range []string{
		"$JS.API.STREAM.DELETE." + jetstream.VaultStream(0), "$JS.API.STREAM.PURGE." + jetstream.VaultStream(0), "habeas.vault.00.key.t.h.c",
		"habeas.suppression.x", "$JS.ACK." + jetstream.StreamName("identity", 0) + "." + durable + ".1.1.1.1.0", "habeas.ev.identity.00.t.counter.a", "$JS.API.CONSUMER.DELETE." + jetstream.StreamName("identity", 0) + "." + durable,
	} {
		for k := range 2 {
			a.feed(t, jetstream.StreamName("consent", k), fmt.Sprintf("f%d", i), map[string]any{"deliver_subject": to, "ack_policy": "none"})
		}
	}
	heard, err := a.nc.SubscribeSync(jetstream.FeedPrefix("consent") + ".last")
	if err != nil {
		t.Fatal(err)
	}
	for k := range 2 { // the twin: the same feed to where somebody listens arrives
		a.feed(t, jetstream.StreamName("consent", k), "twin", map[string]any{"deliver_subject": heard.Subject, "ack_policy": "none"})
	}
	for range 2 {
		if _, err := heard.NextMsg(60 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if after := streams(t, a.admin); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("streams were %v and are %v", before, after)
	}
}

// feed makes a consumer of any configuration.
func (a alone) feed(t *testing.T, stream, name string, config map[string]any) {
	t.Helper()
	config["name"] = name
	body, err := json.Marshal(map[string]any{"stream_name": stream, "config": config})
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.nc.Request("$JS.API.CONSUMER.CREATE."+stream+"."+name, body, 60*time.Second)
	if err != nil || strings.Contains(string(m.Data), `"error"`) {
		t.Fatalf("consumer on %s: %v", stream, err)
	}
}

// A consumer is changed by making it again, which is a right that readers need. One
// that still delivers what somebody else writes all the time is found out, too.
func TestAProcessWhoseConsumerIsChangedBeginsAnew(t *testing.T) {
	for name, busy := range map[string]bool{"to deliver nothing": false, "to deliver one aggregate's": true} {
		t.Run(name, func(t *testing.T) { changedConsumer(t, busy) })
	}
}

func changedConsumer(t *testing.T, busy bool) {
	t.Helper()
	a := consentAlone(t)
	js, err := natsjs.New(a.admin)
	if err != nil {
		t.Fatal(err)
	}
	in, stream := a.in, jetstream.StreamName("identity", 0)
	log := in.Open(t, a.admin)
	ctx, cancel := context.WithCancel(t.Context())
	stopped, seen := make(chan struct{}), make(chan string, 100)
	t.Cleanup(func() { cancel(); <-stopped })
	agg, other := inShard(t, 0), inShard(t, 0)
	other.Tenant = "busy"
	go func() {
		defer close(stopped)
		_ = log.RunProcess(ctx, jetstream.Process{
			Name: "identity-reactions", Context: "identity", AckWait: time.Minute,
			React: func(_ context.Context, r es.Recorded) error {
				if r.Aggregate.Tenant == agg.Tenant {
					seen <- r.Aggregate.ID
				}
				return nil
			},
		})
	}()
	bound := func() error { _, err := js.Consumer(ctx, stream, durable); return err }
	testwait.For(t, 60*time.Second, bound)
	a.feed(t, stream, durable, map[string]any{
		"durable_name": durable, "ack_policy": "explicit", "ack_wait": time.Minute, "max_ack_pending": 256, "max_deliver": -1, "filter_subject": "habeas.ev.identity.*.busy.>",
	})
	if busy {
		go write(ctx, t, log, other)
	}
	if _, err := log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); err != nil {
		t.Fatal(err)
	}
	select {
	case id := <-seen:
		if id != agg.ID {
			t.Errorf("reacted to %s, want %s", id, agg.ID)
		}
	case <-time.After(60 * time.Second):
		t.Error("what was passed over meanwhile is never reacted to")
	}
}

// write appends to one aggregate after the other until ctx ends.
func write(ctx context.Context, t *testing.T, log *jetstream.Log, agg es.Aggregate) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			agg.ID = fmt.Sprintf("w%d", i)
			if _, err := log.Append(ctx, es.Head{}, estest.NewCommit(t, agg, 1)); err != nil && ctx.Err() == nil {
				t.Errorf("append: %v", err)
				return
			}
		}
	}
}

func inShard(t *testing.T, k int) es.Aggregate {
	t.Helper()
	for i := range 100 {
		agg := counter(t)
		agg.ID = fmt.Sprintf("c%d", i)
		if es.Shard(agg.Partition(), 2) == k {
			return agg
		}
	}
	t.Fatal("no such aggregate")
	return es.Aggregate{}
}

func TestAMissingRightToReadIsNamedAtOnce(t *testing.T) {
	in := jstest.New(t, 2, 1, "identity", "consent")
	stream := jetstream.StreamName("identity", 0)
	all := jetstream.RightsOf(in.Topology, jetstream.Grant{Name: "consent", Owns: []string{"consent"}, Reads: []string{"identity"}})
	srv := testserver.NATS(t,
		testserver.WithUser("nothing", []string{"habeas.park.*.*"}, []string{jetstream.InboxPrefix("nothing") + ".>"}),
		testserver.WithUser("consent", all.Publish, all.Subscribe))
	in.Provision(t, srv.Connect(t, testserver.Admin))
	connect := func(user string) *nats.Conn {
		return srv.Connect(t, user, nats.CustomInboxPrefix(jetstream.InboxPrefix(user)))
	}
	consent := in.Config(t, connect("consent"))
	log, err := jetstream.Open(t.Context(), consent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	for name, c := range map[string]struct {
		user string
		try  func(ctx context.Context) error
	}{
		"to open a stream": {"nothing", func(ctx context.Context) error {
			_, err := jetstream.Open(ctx, in.Config(t, connect("nothing")))
			return err
		}},
		"to run a process": {"consent", func(ctx context.Context) error {
			return log.RunProcess(ctx, jetstream.Process{Name: "foreign", Context: "identity"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			began := time.Now()
			err := c.try(ctx)
			if !errors.Is(err, es.ErrForbidden) || !strings.Contains(err.Error(), "user "+c.user) || !strings.Contains(err.Error(), stream[:len(stream)-2]) {
				t.Errorf("got %v, want a refusal that names the stream and %s", err, c.user)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("refused after %v", took)
			}
		})
	}
}
