package eventlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/readlog"
	"habeas.internal/services/internal/rpc"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
)

// Names of the reads section's variants; the base is one of the append section.
const (
	AppendOwn = "es.Store append, 4 shards, a service's account"
	Record    = "readlog.Log.Record, a service's account"
)

// ReadsSection is the section of the read log, and of what a service's account
// of its own costs.
func ReadsSection(ctx context.Context, in Settings) (*Section, error) {
	s := &Section{
		Name: "reads", Title: "The read log, and an account per service", Base: Base{Variant: Append4},
		Notes: []string{
			"readlog.Log.Record: what an answer with personal data waits for before it leaves, so its p50 and p99 are the added latency of a guarded read. Readings of one tenant that come together are one commit.",
			"es.Store append: as in the section of appends, in the account of the streams, and with the rights and the account that a service has (decision 0018). The difference is the cost of accounts.",
			fmt.Sprintf("%d connections for %d callers, one for one.", connections, most),
		},
	}
	server, err := s.startNATS(ctx, in, "4")
	if err != nil {
		return s, err
	}
	_, shards := servers.Grant()
	all, err := s.install(ctx, server, shards, jetstream.ContextAccess)
	if err != nil {
		return s, err
	}
	own, err := all.asService(ctx, s)
	if err != nil {
		return s, err
	}
	bare, err := newAppender(all, in.Working)
	if err != nil {
		return s, err
	}
	guarded, err := newAppender(own, in.Working)
	if err != nil {
		return s, err
	}
	r, err := newRecorder(ctx, own)
	if err != nil {
		return s, err
	}
	for _, n := range []int{1, most} {
		s.Variants = append(s.Variants,
			measure.Variant{Name: Append4, Callers: n, Op: bare.append, CPU: server.CPU},
			measure.Variant{Name: AppendOwn, Callers: n, Op: guarded.append, CPU: server.CPU},
			measure.Variant{Name: Record, Callers: n, Op: r.record, CPU: server.CPU})
	}
	return s, nil
}

// asService is the same log, opened as a service does.
func (in *installation) asService(ctx context.Context, s *Section) (*installation, error) {
	own := *in
	own.topology.Contexts, own.conns, own.logs = []string{domain}, nil, nil
	for range connections {
		nc, err := in.server.ConnectService()
		if err != nil {
			return nil, err
		}
		s.closing(func() error { nc.Close(); return nil })
		own.conns = append(own.conns, nc)
		if err := own.openOn(ctx, s, nc); err != nil {
			return nil, err
		}
	}
	return &own, nil
}

// recorder writes readings down, by as many instances as there are connections.
type recorder struct{ logs []*readlog.Log }

func newRecorder(ctx context.Context, in *installation) (*recorder, error) {
	r := &recorder{}
	for _, nc := range in.conns {
		signer, err := es.GenerateSigner(rand.Reader)
		if err != nil {
			return nil, err
		}
		w, err := jetstream.OpenWriter(ctx, jetstream.WriterConfig{
			Conn: nc, Context: jetstream.ContextAccess, Shards: in.topology.Shards, Signer: signer,
			Service: service, Key: in.service, Random: rand.Reader, Now: time.Now(),
		})
		if err != nil {
			return nil, fmt.Errorf("open the read log: %w", err)
		}
		l, err := readlog.New(readlog.Config{Store: w, Service: service, Random: rand.Reader})
		if err != nil {
			return nil, err
		}
		r.logs = append(r.logs, l)
	}
	return r, nil
}

func (r *recorder) record(ctx context.Context, caller int) error {
	ref, err := es.NewID(rand.Reader)
	if err != nil {
		return err
	}
	return r.logs[caller%len(r.logs)].Record(ctx, rpc.Read{
		At: time.Now().UTC(), Tenant: tenant, Actor: rpc.ActorID(tenant, "staff"), Roles: []string{"verifier"},
		Method: "/habeas.identity.v1.SubjectService/ListIdentifiers", Purpose: "case.handling", Refs: []string{ref},
		Class: optionsv1.DataClass_DATA_CLASS_PERSONAL,
	})
}
