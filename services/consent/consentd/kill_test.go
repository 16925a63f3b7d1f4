package consentd_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// startedVariable names the file into which a daemon in a process of its own writes
// its address.
const startedVariable = "CONSENTD_TEST_STARTED"

// TestMain lets the test binary be the daemon that is killed.
func TestMain(m *testing.M) {
	path := os.Getenv(startedVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	var cfg consentd.Config
	err := env.Load(os.Environ(), &cfg)
	if err == nil {
		err = consentd.Run(context.Background(), cfg, daemon.World{Out: os.Stdout, Started: func(r daemon.Running) {
			_ = os.WriteFile(path+".part", []byte(r.Addr.String()), 0o600)
			_ = os.Rename(path+".part", path) // whoever reads it reads all of it
		}})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// launch runs the daemon as a process, until it is killed or the test ends.
func (w *world) launch(t *testing.T) (r daemon.Running, kill func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "started")
	c := exec.CommandContext(context.Background(), os.Args[0])
	c.Env = append(w.environ(t), startedVariable+"="+path)
	c.Stdout, c.Stderr, c.SysProcAttr = w.out, w.out, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }() // that it was killed is no news
	kill = func() { _ = c.Process.Signal(syscall.SIGKILL); <-ended }
	t.Cleanup(kill)
	testwait.For(t, 2*time.Minute, func() error {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("the daemon has not started: %w\n%s", err, w.out)
		}
		r.Addr, err = net.ResolveTCPAddr("tcp", string(b))
		return err
	})
	return r, kill
}

const (
	killRows    = 3000
	killMessage = 100 // rows
	kills       = 4
)

// mixed are rows of people who come again and again, some of which break a rule.
func mixed(seed uint64) []*consentv1.ImportRow {
	r := rand.New(rand.NewPCG(seed, 1))
	decisions := []consentv1.Decision{
		consentv1.Decision_DECISION_GIVEN, consentv1.Decision_DECISION_REFUSED, consentv1.Decision_DECISION_WITHDRAWN,
	}
	var out []*consentv1.ImportRow
	for n := range killRows {
		row := &consentv1.ImportRow{
			Line: uint64(n) + 2, SubjectRef: person400(r.IntN(400)), Policy: "caseworks", Version: 1, Evidence: "form:1",
			DecidedAt: timestamppb.New(time.Date(2021, 3, 4, 0, 0, r.IntN(1_000_000), 0, time.UTC)),
			Choice: &consentv1.Choice{
				Purpose: []string{"trends.track", "preferences.store"}[r.IntN(2)], Decision: decisions[r.IntN(3)],
				Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			},
		}
		switch r.IntN(20) {
		case 0:
			row.Evidence = "" // a yes needs it
		case 1:
			row.Unreadable = "decided_at"
		}
		out = append(out, row)
	}
	return out
}

// person400 is one of four hundred people, of all shards.
func person400(n int) string { return es.DeriveID("kill", "person", fmt.Sprint(n)) }

// taking is an import by a client that sends ahead. It goes on until all is done or
// so many answers have come.
func taking(t *testing.T, c consentv1.ImportServiceClient, rows []*consentv1.ImportRow, resume bool, answers int) (*consentv1.Import, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	stream, err := c.ImportDecisions(ctx)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("the file"))
	_ = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: &consentv1.BeginImport{
		Source: "killed", FileDigest: hex.EncodeToString(digest[:]), EvidenceKind: "web_form", Rows: uint64(len(rows)), Resume: resume,
	}}}) // what goes wrong the answer tells
	r, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	last := r.GetImport()
	go func() {
		for at := int(last.GetDone()); at < len(rows); at += killMessage {
			m := &consentv1.ImportRows{First: uint64(at) + 1, Rows: rows[at:min(at+killMessage, len(rows))]}
			if stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Rows{Rows: m}}) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	for n := 0; n < answers && last.GetFinishedAt() == nil; n++ {
		if r, err = stream.Recv(); err != nil {
			return last, err
		}
		last = r.GetImport()
	}
	return last, nil
}

// told is what the log tells of an import: what was recorded of each person, in order,
// and which rows were refused.
type told struct {
	people  map[string][]person.Event
	refused []*consentv1.RefusedRow
	sum     string
}

func (w *world) tells(t *testing.T, c consentv1.ImportServiceClient, id string) told {
	t.Helper()
	codec, err := wire.Person()
	if err != nil {
		t.Fatal(err)
	}
	out := told{people: map[string][]person.Event{}}
	log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	for r, err := range log.Scan(t.Context(), "consent", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Aggregate.Type != person.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := codec.Registry().DecodeAll(r.Commit)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if e, ok := ev.(person.DecisionRecorded); ok {
				e.Decision.RecordedAt = time.Time{} // it must differ
				ev = e
			}
			out.people[r.Aggregate.ID] = append(out.people[r.Aggregate.ID], ev)
		}
	}
	for token := ""; ; {
		list, err := c.ListRefusedRows(deadline(t), &consentv1.ListRefusedRowsRequest{Import: id, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		out.refused = append(out.refused, list.GetRows()...)
		if token = list.GetNextPageToken(); token == "" {
			break
		}
	}
	got, err := c.GetImport(deadline(t), &consentv1.GetImportRequest{Import: id})
	if err != nil {
		t.Fatal(err)
	}
	out.sum = fmt.Sprintf("%d done, %d recorded, %d refused", got.GetImport().GetDone(), got.GetImport().GetRecorded(), got.GetImport().GetRefused())
	return out
}

// TestAnImportThatIsKilledTellsWhatOneThatIsNotTells: the service dies again and again
// while rows are under way, and the client goes on. Each row counts once.
func TestAnImportThatIsKilledTellsWhatOneThatIsNotTells(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rows := mixed(seed)
	calm := newWorld(t)
	r, _ := calm.start(t)
	publishAll(t, calm.dial(t, r, "dpo"))
	c := consentv1.NewImportServiceClient(calm.dial(t, r, "product"))
	done, err := taking(t, c, rows, false, len(rows))
	if err != nil || done.GetFinishedAt() == nil {
		t.Fatalf("%v, error %v", done, err)
	}
	want := calm.tells(t, c, done.GetId())

	rough := newWorld(t)
	rough.level = "info"
	r, kill := rough.launch(t)
	publishAll(t, rough.dial(t, r, "dpo"))
	chance := rand.New(rand.NewPCG(seed, 2))
	for n := range kills {
		c = consentv1.NewImportServiceClient(rough.dial(t, r, "product"))
		if done, err = taking(t, c, rows, n > 0, chance.IntN(6)); err != nil {
			t.Fatalf("before kill %d: %v", n, err)
		}
		kill() // further rows are under way
		t.Logf("killed when %d rows were said to be done", done.GetDone())
		r, kill = rough.launch(t)
	}
	c = consentv1.NewImportServiceClient(rough.dial(t, r, "product"))
	done, err = taking(t, c, rows, true, len(rows))
	if err != nil || done.GetFinishedAt() == nil {
		t.Fatalf("%v, error %v", done, err)
	}
	got := rough.tells(t, c, done.GetId())
	if got.sum != want.sum {
		t.Errorf("%s; undisturbed %s", got.sum, want.sum)
	}
	if diff := cmp.Diff(want.refused, got.refused, protocmp.Transform()); diff != "" {
		t.Errorf("refused rows (-undisturbed +killed):\n%s", diff)
	}
	if diff := cmp.Diff(want.people, got.people); diff != "" {
		t.Errorf("people (-undisturbed +killed):\n%s", diff)
	}
	got.once(t, done.GetRecorded())
}

// once fails unless each row that was recorded was recorded once.
func (x told) once(t *testing.T, recorded uint64) {
	t.Helper()
	rows := map[uint64]int{}
	for _, events := range x.people {
		for _, ev := range events {
			if e, ok := ev.(person.DecisionRecorded); ok {
				rows[e.Provenance.Row]++
			}
		}
	}
	for row, n := range rows {
		if n != 1 {
			t.Errorf("row %d was recorded %d times", row, n)
		}
	}
	if uint64(len(rows)) != recorded || len(rows) == 0 {
		t.Errorf("the log has %d rows, and %d were said to be recorded", len(rows), recorded)
	}
}
