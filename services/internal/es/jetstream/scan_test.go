package jetstream_test

import (
	"errors"
	"maps"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"github.com/google/go-cmp/cmp"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// newLog is an installation of one context, without Redis.
func newLog(t *testing.T, shards int) (*testserver.Server, *jetstream.Log) {
	t.Helper()
	server, in := testserver.NATS(t), jstest.New(t, shards, 1, "identity")
	in.Provision(t, server.Connect(t, testserver.Admin))
	return server, in.Open(t, server.Connect(t, testserver.Admin))
}

func appendNew(t *testing.T, log *jetstream.Log) es.Recorded {
	t.Helper()
	r, err := log.Append(t.Context(), es.Head{}, estest.NewCommit(t, counter(t), 1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// scanned is what a whole scan yields: positions of all commits, and the hash
// of those that are no control commits.
func scanned(t *testing.T, log *jetstream.Log) (all []es.Position, commits map[es.Position]es.Hash) {
	t.Helper()
	commits = map[es.Position]es.Hash{}
	for r, err := range log.Scan(t.Context(), "identity", nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Position)
		if r.Aggregate.Tenant != es.LogTenant {
			commits[r.Position] = r.Hash
		}
		if r.Stored.IsZero() {
			t.Errorf("%v has no time", r.Position)
		}
	}
	return all, commits
}

func TestAScanYieldsEveryCommitOfAContext(t *testing.T) {
	_, log := newLog(t, 4)
	want := map[es.Position]es.Hash{}
	for range 40 {
		r := appendNew(t, log)
		want[r.Position] = r.Hash
	}
	all, got := scanned(t, log)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commits differ (-appended +scanned):\n%s", diff)
	}
	ends, err := log.End(t.Context(), "identity")
	if err != nil {
		t.Fatal(err)
	}
	var every []es.Position
	for _, stream := range log.Streams("identity") {
		for seq := range ends[stream].Seq {
			every = append(every, es.Position{Stream: stream, Epoch: ends[stream].Epoch, Seq: seq + 1})
		}
	}
	if diff := cmp.Diff(every, all); diff != "" {
		t.Errorf("positions differ (-want +got):\n%s", diff)
	}
}

func TestAScanReadsOnWhereAPageEnds(t *testing.T) {
	_, log := newLog(t, 1)
	for range 2 {
		batch := make([]es.Pending, es.MaxBatch)
		for i := range batch {
			batch[i].Commit = estest.NewCommit(t, counter(t), 1)
		}
		if _, err := log.AppendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if _, commits := scanned(t, log); len(commits) != 2*es.MaxBatch {
		t.Errorf("%d commits, want %d", len(commits), 2*es.MaxBatch)
	}
}

func TestAScanEndsWhereTheContextStoodWhenItBegan(t *testing.T) {
	_, log := newLog(t, 2)
	appendNew(t, log)
	before, _ := scanned(t, log)
	n := 0
	for _, err := range log.Scan(t.Context(), "identity", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			for range 20 { // some in each shard
				appendNew(t, log)
			}
		}
		n++
	}
	if n != len(before) {
		t.Errorf("%d commits, want the %d from before", n, len(before))
	}
	if after, _ := scanned(t, log); len(after) != n+20 {
		t.Errorf("%d commits, want %d", len(after), n+20)
	}
}

func TestAScanGoesOnBehindAToken(t *testing.T) {
	_, log := newLog(t, 2)
	for range 10 {
		appendNew(t, log)
	}
	seen, err := log.End(t.Context(), "identity")
	if err != nil {
		t.Fatal(err)
	}
	first := appendNew(t, log).Position
	more := first // of the other shard
	for more.Stream == first.Stream {
		more = appendNew(t, log).Position
	}
	if n, err := commitsAfter(t, log, seen); n < 2 || err != nil {
		t.Errorf("%d commits after the token (%v), want what came since", n, err)
	}
	if n, err := commitsAfter(t, log, seen.Merge(es.TokenAt(first))); n < 1 || err != nil {
		t.Errorf("%d commits after a later token (%v), want those of the other shard", n, err)
	}
	all, _ := scanned(t, log)
	other := maps.Clone(seen)
	delete(other, first.Stream)
	other[more.Stream] = es.Position{Stream: more.Stream, Epoch: "another", Seq: 3}
	if n, err := commitsAfter(t, log, other); n != len(all) || err != nil {
		t.Errorf("%d commits after a token of other streams (%v), want all %d", n, err, len(all))
	}
	ahead := seen[first.Stream]
	ahead.Seq += 1000
	var corrupt *es.CorruptError
	if _, err := commitsAfter(t, log, seen.Merge(es.TokenAt(ahead))); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptBehind {
		t.Errorf("scan after a token that is ahead of the log: %v, want a corrupt log", err)
	}
}

func commitsAfter(t *testing.T, log *jetstream.Log, after es.Token) (n int, err error) {
	t.Helper()
	for r, next := range log.Scan(t.Context(), "identity", after) {
		if err = next; err != nil {
			continue
		}
		if p := after[r.Position.Stream]; p.Epoch == r.Position.Epoch && r.Position.Seq <= p.Seq {
			t.Errorf("%v is not behind the token", r.Position)
		}
		n++
	}
	return n, err
}

func TestAScanCanBeLeftAtAnyCommit(t *testing.T) {
	_, log := newLog(t, 2)
	n := 0
	for _, err := range log.Scan(t.Context(), "identity", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d commits, want the first 2", n)
	}
}

func adminOf(t *testing.T, server *testserver.Server) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(server.Connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// limit lets an administrator limit a stream, which may remove its beginning.
func limit(t *testing.T, server *testserver.Server, name string, messages int64) {
	t.Helper()
	js := adminOf(t, server)
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.MaxMsgs = messages
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// scanError is the one error that ends a scan.
func scanError(t *testing.T, log *jetstream.Log, domain string) (read int, err error) {
	t.Helper()
	for _, next := range log.Scan(t.Context(), domain, nil) {
		if err != nil {
			t.Error("the scan went on after an error")
		}
		if err = next; err == nil {
			read++
		}
	}
	return read, err
}

func TestAScanHaltsWhereMessagesWereRemoved(t *testing.T) {
	server, log := newLog(t, 1)
	for range 20 {
		appendNew(t, log)
	}
	stream := jetstream.StreamName("identity", 0)
	limit(t, server, stream, 1000)
	if read, err := scanError(t, log, "identity"); !errors.Is(err, es.ErrConfiguration) || read != 0 {
		t.Errorf("after %d commits: %v; want ErrConfiguration at once", read, err)
	}
	limit(t, server, stream, 5)
	limit(t, server, stream, -1)
	var corrupt *es.CorruptError
	if read, err := scanError(t, log, "identity"); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptMissing || read != 0 {
		t.Errorf("after %d commits: %v; want missing messages at once", read, err)
	}
}

func TestAScanHaltsWhereAllMessagesWereRemoved(t *testing.T) {
	server, log := newLog(t, 1)
	appendNew(t, log)
	js := adminOf(t, server)
	stream, err := js.Stream(t.Context(), jetstream.StreamName("identity", 0))
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), config.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := scanError(t, log, "identity"); !errors.Is(err, es.ErrMissingStream) {
		t.Errorf("without the stream: %v, want ErrMissingStream", err)
	}
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	var corrupt *es.CorruptError
	if _, err := scanError(t, log, "identity"); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptMissing {
		t.Errorf("on an empty stream: %v, want a corrupt log", err)
	}
}

func TestAContextThatIsNotOpenIsNoEmptyScan(t *testing.T) {
	_, log := newLog(t, 1)
	if _, err := scanError(t, log, "consent"); !errors.Is(err, es.ErrInvalidAggregate) {
		t.Errorf("scan: %v, want ErrInvalidAggregate", err)
	}
}
