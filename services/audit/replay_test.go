package audit_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// history is a log that a test writes.
type history struct {
	log   *jetstream.Log
	heads map[es.Aggregate]es.Head
}

func contexts() []string { return []string{"identity", "consent", "fulfilment"} }

func newHistory(t testing.TB) *history {
	t.Helper()
	server := testserver.NATS(t)
	in := jstest.New(t, 2, 1, contexts()...)
	in.Provision(t, server.Connect(t, testserver.Admin))
	cfg := in.Config(t, server.Connect(t, testserver.Admin))
	log, err := jetstream.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	for _, c := range contexts() {
		if err := log.AnnounceInstance(t.Context(), rand.Reader, in.Service, in.Name, c, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return &history{log: log, heads: map[es.Aggregate]es.Head{}}
}

func id(t testing.TB) string {
	t.Helper()
	text, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write appends an event of a type to an aggregate and returns when it was
// stored.
func (h *history) write(t testing.TB, agg es.Aggregate, event string, m proto.Message) time.Time {
	t.Helper()
	return h.writeFor(t, "", agg, event, m)
}

// writeFor is write in the course of something.
func (h *history) writeFor(t testing.TB, correlation string, agg es.Aggregate, event string, m proto.Message) time.Time {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.log.Append(t.Context(), h.heads[agg], es.Commit{
		ID: id(t), CommandID: id(t), Aggregate: agg, Time: time.Now(), Meta: es.Meta{Correlation: correlation},
		Events: []es.Event{{Type: event, Schema: 1, Data: data}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.heads[agg], err = h.heads[agg].Next(r); err != nil {
		t.Fatal(err)
	}
	return r.Stored
}

func (h *history) replay(t testing.TB, f audit.Filter) ([]audit.Entry, audit.Summary) {
	t.Helper()
	var all []audit.Entry
	s, err := audit.New(h.log, contexts()).Replay(t.Context(), f, func(e audit.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, s
}

func destroyed(holder string) *identityv1.KeyDestroyed {
	return &identityv1.KeyDestroyed{Holder: holder, Reason: "erasure", KeyCommit: []byte{1, 2}, DestroyedAt: timestamppb.New(time.Unix(1, 0))}
}

const keyDestroyed = "keyring.key_destroyed"

func TestAReplayMergesStreamsInTheOrderOfStorage(t *testing.T) {
	h := newHistory(t)
	const n = 40
	for range n {
		h.write(t, es.Aggregate{Context: "identity", Tenant: "t1", Type: "keyring", ID: id(t)}, keyDestroyed, destroyed("subject-"+id(t)))
		h.write(t, es.Aggregate{Context: "consent", Tenant: "t2", Type: "thing", ID: id(t)}, "thing.done", destroyed("x"))
	}
	all, s := h.replay(t, audit.Filter{})
	if !s.Verified || s.Streams != 6 || s.Read != uint64(len(all)) || s.Unknown != n {
		t.Errorf("summary is %+v of %d", s, len(all))
	}
	domain := 0
	for i, e := range all {
		if i > 0 && e.Stored.Before(all[i-1].Stored) {
			t.Fatalf("%s %d comes too late", e.Stream, e.Sequence)
		}
		if e.Tenant != es.LogTenant {
			domain++
		}
	}
	if domain != 2*n {
		t.Errorf("%d commits, want %d", domain, 2*n)
	}
	one, s := h.replay(t, audit.Filter{Tenant: "t1"})
	if len(one) != n || s.Unknown != 0 {
		t.Errorf("tenant t1 has %d commits", len(one))
	}
}

func TestEventsAreShownByTheirFields(t *testing.T) {
	h := newHistory(t)
	h.write(t, es.Aggregate{Context: "identity", Tenant: "t1", Type: "keyring", ID: "k"}, keyDestroyed, destroyed("subject-abc"))
	all, _ := h.replay(t, audit.Filter{Tenant: "t1"})
	text, err := json.Marshal(all[0].Events[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"destroyed_at":"1970-01-01T00:00:01Z","holder":"subject-abc","key_commit":"0102","reason":"erasure"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestWhatTheCallerCannotShowEndsTheReplay(t *testing.T) {
	h := newHistory(t)
	enough := errors.New("enough")
	_, err := audit.New(h.log, contexts()).Replay(t.Context(), audit.Filter{}, func(audit.Entry) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestAMessageThatIsNotWhatItsTypeSaysIsNamed(t *testing.T) {
	h := newHistory(t)
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "keyring", ID: "k"}
	_, err := h.log.Append(t.Context(), es.Head{}, es.Commit{
		ID: id(t), CommandID: id(t), Aggregate: agg, Time: time.Now(),
		Events: []es.Event{{Type: keyDestroyed, Schema: 1, Data: []byte{0xff}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = audit.New(h.log, contexts()).Replay(t.Context(), audit.Filter{}, func(audit.Entry) error { return nil })
	if err == nil || !strings.Contains(err.Error(), keyDestroyed) {
		t.Errorf("got %v", err)
	}
}

func TestACommitThatNoAnnouncedKeySignedIsNamed(t *testing.T) {
	h := newHistory(t)
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "keyring", ID: "k"}
	data, err := proto.Marshal(destroyed("a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.log.As(jstest.Signer(t)).Append(t.Context(), es.Head{}, es.Commit{
		ID: id(t), CommandID: id(t), Aggregate: agg, Time: time.Now(),
		Events: []es.Event{{Type: keyDestroyed, Schema: 1, Data: data}},
	})
	if err != nil {
		t.Fatal(err)
	}
	auditor := audit.New(h.log, contexts())
	_, err = auditor.Replay(t.Context(), audit.Filter{}, func(audit.Entry) error { return nil })
	var damaged *es.CorruptError
	if !errors.As(err, &damaged) || damaged.Sequence == 0 {
		t.Errorf("got %v", err)
	}
	s, err := auditor.Replay(t.Context(), audit.Filter{SkipSignatures: true}, func(audit.Entry) error { return nil })
	if err != nil || s.Verified {
		t.Errorf("without verification: %+v, %v", s, err)
	}
}
