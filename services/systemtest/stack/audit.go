package stack

import (
	"context"
	"fmt"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
)

// Replay reads the log as an auditor does: with the audit user's rights, every
// chain and signature checked.
func (s *Stack) Replay(f audit.Filter) []audit.Entry {
	s.t.Helper()
	var out []audit.Entry
	err := s.audit(func(ctx context.Context, a *audit.Auditor) error {
		sum, err := a.Replay(ctx, f, func(e audit.Entry) error {
			out = append(out, e)
			return nil
		})
		if err == nil && !sum.Verified {
			s.t.Error("the replay was not verified")
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("replay: %v", err)
	}
	return out
}

// Audited reads the whole log as an auditor does, and says what is wrong with it.
func (s *Stack) Audited() error {
	s.t.Helper()
	return s.audit(func(ctx context.Context, a *audit.Auditor) error {
		_, err := a.Replay(ctx, audit.Filter{}, func(audit.Entry) error { return nil })
		return err
	})
}

// Reads is who has looked at personal data, or was refused it.
func (s *Stack) Reads(f audit.ReadFilter) []audit.Reading {
	s.t.Helper()
	var out []audit.Reading
	err := s.audit(func(ctx context.Context, a *audit.Auditor) error {
		_, err := a.Reads(ctx, f, func(r audit.Reading) error {
			out = append(out, r)
			return nil
		})
		return err
	})
	if err != nil {
		s.t.Fatalf("read the read log: %v", err)
	}
	return out
}

func (s *Stack) audit(do func(context.Context, *audit.Auditor) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := jetstream.Open(ctx, s.In.Config(s.t, s.NATS.Connect(s.t, "audit", nats.CustomInboxPrefix(jetstream.InboxPrefix("audit")))))
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	return do(ctx, audit.New(log, jetstream.Contexts()))
}
