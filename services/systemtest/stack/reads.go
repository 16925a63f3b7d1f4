package stack

import (
	"context"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
)

// Reads reads the read log as an auditor does.
func (s *Stack) Reads(f audit.ReadFilter) []audit.Reading {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := jetstream.Open(ctx, s.In.Config(s.t, s.NATS.Connect(s.t, "audit", nats.CustomInboxPrefix(jetstream.InboxPrefix("audit")))))
	if err != nil {
		s.t.Fatalf("open the log: %v", err)
	}
	defer log.Close()
	var out []audit.Reading
	sum, err := audit.New(log, jetstream.Contexts()).Reads(ctx, f, func(r audit.Reading) error {
		out = append(out, r)
		return nil
	})
	if err != nil || !sum.Verified {
		s.t.Fatalf("read the read log: verified %t, %v", sum.Verified, err)
	}
	return out
}
