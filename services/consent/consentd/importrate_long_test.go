//go:build long

package consentd_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	figureRows    = 20_000
	figureMessage = 1000 // rows of a message, as the command line sends them
)

// TestImportFigures prints how many decisions a second an import stores, over
// gRPC with TLS, in the streams of the embedded default: four shards, every message
// synced. People who are new come with one decision and with five, and once more
// when they are known. Run it with -parallel 1 -v.
func TestImportFigures(t *testing.T) {
	w := newWorldOf(t, 4)
	w.level = "info"
	r, _ := w.start(t)
	publishAll(t, w.dial(t, r, "dpo"))
	c := consentv1.NewImportServiceClient(w.dial(t, r, "product"))
	for _, each := range []int{1, 5} {
		people := make([]string, figureRows/each)
		for i := range people {
			people[i] = mustID(t)
		}
		for n, what := range []string{"new", "known with one commit", "known with two"} {
			rows := decisionsOf(people, each, n)
			began, busy := time.Now(), busyFor(t)
			i := imported(t, c, rows)
			took := time.Since(began)
			cpu := busyFor(t) - busy
			t.Logf("%d decisions of %d people (%d each), %s: %.0f decisions/s in %s, %.0f per second of processor; load %s",
				len(rows), len(people), each, what, float64(len(rows))/took.Seconds(), took.Round(time.Millisecond),
				float64(len(rows))/cpu.Seconds(), loadOf(t))
			if i.GetRecorded() != uint64(len(rows)) {
				t.Errorf("%d of %d rows were recorded", i.GetRecorded(), len(rows))
			}
		}
	}
}

// decisionsOf are rows of people, each with a number of them, in a round.
func decisionsOf(people []string, each, round int) []*consentv1.ImportRow {
	purposes := []string{"trends.track", "preferences.store"}
	var out []*consentv1.ImportRow
	for _, who := range people {
		for n := range each {
			out = append(out, &consentv1.ImportRow{
				Line: uint64(len(out)) + 2, SubjectRef: who, Policy: "caseworks", Version: 1, Evidence: "form:1",
				DecidedAt: timestamppb.New(time.Date(2021, 3, 4, round, n, 0, 0, time.UTC)),
				Choice: &consentv1.Choice{
					Purpose: purposes[n%2], Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
				},
			})
		}
	}
	return out
}

// imported imports rows as the command line does: it sends ahead and takes the
// answers as they come.
func imported(t *testing.T, c consentv1.ImportServiceClient, rows []*consentv1.ImportRow) *consentv1.Import {
	t.Helper()
	var digest [32]byte
	_, _ = rand.Read(digest[:])
	stream, err := c.ImportDecisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: &consentv1.BeginImport{
		Source: "figures", FileDigest: hex.EncodeToString(digest[:]), EvidenceKind: "web_form", Rows: uint64(len(rows)),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { sendAll(stream, rows) }()
	var last *consentv1.Import
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			t.Fatal(err)
		}
		last = r.GetImport()
	}
}

// sendAll sends rows; what goes wrong the answers tell.
func sendAll(stream grpc.BidiStreamingClient[consentv1.ImportDecisionsRequest, consentv1.ImportDecisionsResponse], rows []*consentv1.ImportRow) {
	for at := 0; at < len(rows); at += figureMessage {
		m := &consentv1.ImportRows{First: uint64(at) + 1, Rows: rows[at:min(at+figureMessage, len(rows))]}
		_ = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Rows{Rows: m}})
	}
	_ = stream.CloseSend()
}

func mustID(t *testing.T) string {
	t.Helper()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// loadOf is the machine's load.
func loadOf(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:1], " ")
}

// busyFor is how long processors have worked for this process: for the client, the
// service with all that reads its log, and the log's server.
func busyFor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
