package audit_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/readlog"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/testserver"
)

func TestWhoLookedAtWhom(t *testing.T) {
	server := testserver.NATS(t)
	in := jstest.New(t, 2, 1, jetstream.ContextAccess)
	in.Provision(t, server.Connect(t, testserver.Admin))
	log := in.Open(t, server.Connect(t, testserver.Admin))
	reads, err := readlog.New(readlog.Config{Store: log, Service: "identity", Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	morning := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	noon := morning.Add(4 * time.Hour)
	for _, r := range []rpc.Read{
		{At: morning, Tenant: "acme", Actor: rpc.ActorID("acme", "vera"), Method: "/a.B/C", Case: "case-1", Refs: []string{"jane"}},
		{At: noon, Tenant: "acme", Actor: rpc.ActorID("acme", "vera"), Method: "/a.B/C", Refs: []string{"john", "jane"}},
		{At: noon, Tenant: "acme", Actor: rpc.ActorID("acme", "otto"), Method: "/a.B/C", Refusal: "ROLE_REQUIRED", Count: 2},
		{At: noon, Tenant: "umbra", Service: "fulfilment", Method: "/a.B/C", Refs: []string{"john"}},
	} {
		if err := reads.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		filter audit.ReadFilter
		want   int
	}{
		"all":                     {audit.ReadFilter{}, 4},
		"of one tenant":           {audit.ReadFilter{Tenant: "umbra"}, 1},
		"of a person":             {audit.ReadFilter{Subject: "jane"}, 2},
		"by somebody's name":      {audit.ReadFilter{Actor: "otto"}, 1},
		"by somebody's id":        {audit.ReadFilter{Actor: rpc.ActorID("acme", "vera")}, 2},
		"for a case":              {audit.ReadFilter{Request: "case-1"}, 1},
		"since a moment":          {audit.ReadFilter{From: noon}, 3},
		"until a moment":          {audit.ReadFilter{Until: morning}, 1},
		"of nobody who was there": {audit.ReadFilter{Subject: "joan"}, 0},
	} {
		var got []audit.Reading
		sum, err := audit.New(log, in.Topology.Contexts).Reads(t.Context(), tc.filter, func(r audit.Reading) error {
			got = append(got, r)
			return nil
		})
		if err != nil || !sum.Verified || len(got) != tc.want || int(sum.Shown) != tc.want {
			t.Errorf("%s: %d readings, verified %v, error %v, want %d", name, len(got), sum.Verified, err, tc.want)
		}
		slices.SortFunc(got, func(a, b audit.Reading) int { return a.At.Compare(b.At) })
		if name == "for a case" && (got[0].Subjects[0] != "jane" || got[0].Service != "identity" || !got[0].At.Equal(morning)) {
			t.Errorf("shown %+v", got[0])
		}
	}
}
