package stack

import (
	"context"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
)

// Replay reads the log as an auditor does: with the audit user's rights, every
// chain and signature checked.
func (s *Stack) Replay(f audit.Filter) []audit.Entry {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := jetstream.Open(ctx, s.In.Config(s.t, s.NATS.Connect(s.t, "audit", nats.CustomInboxPrefix(jetstream.InboxPrefix("audit")))))
	if err != nil {
		s.t.Fatalf("open the log: %v", err)
	}
	defer log.Close()
	var out []audit.Entry
	sum, err := audit.New(log, jetstream.Contexts()).Replay(ctx, f, func(e audit.Entry) error {
		out = append(out, e)
		return nil
	})
	if err != nil {
		s.t.Fatalf("replay: %v", err)
	}
	if !sum.Verified {
		s.t.Error("the replay was not verified")
	}
	return out
}
