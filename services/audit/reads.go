package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	accessv1 "habeas.internal/proto/gen/habeas/access/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc"
)

// ReadFilter says which readings of personal data to show. The zero value shows
// all.
type ReadFilter struct {
	Tenant string
	// Subject shows who looked at a person, by reference. Of a reading of more
	// people than are listed, it can't be said whether they were among them: it
	// is shown too.
	Subject string
	// Actor shows what one person or client looked at: their id in the log, or
	// the subject of their token.
	Actor string
	// Request shows what was read for a case.
	Request string
	// From and Until bound when; both included, zero for no bound.
	From, Until time.Time
	// SkipSignatures trusts the store.
	SkipSignatures bool
}

// Reading is one look at personal data, or the refusal of one.
type Reading struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Tenant  string    `json:"tenant"`
	Service string    `json:"service"` // that answered
	Actor   string    `json:"actor,omitempty"`
	Caller  string    `json:"caller,omitempty"`
	Roles   []string  `json:"roles,omitempty"`
	Method  string    `json:"method"`
	Purpose string    `json:"purpose,omitempty"`
	Case    string    `json:"case,omitempty"`
	Reads   string    `json:"reads"`
	// Subjects are the people listed, Count how many there were.
	Subjects []string `json:"subjects,omitempty"`
	Count    uint32   `json:"count"`
	// Refusal is why nothing was shown; Count is then how many times.
	Refusal    string `json:"refusal,omitempty"`
	BreakGlass string `json:"break_glass,omitempty"`
	Trace      string `json:"trace_id,omitempty"`
	Stream     string `json:"stream"`
	Sequence   uint64 `json:"sequence"`
}

// Reads gives every reading that the filter selects to show, in the order in
// which they were stored. One that was written twice is shown once. It ends with
// the first error, as Replay does.
func (a *Auditor) Reads(ctx context.Context, f ReadFilter, show func(Reading) error) (Summary, error) {
	only := *a
	only.contexts = []string{jetstream.ContextAccess}
	s := Summary{Streams: len(a.log.Streams(jetstream.ContextAccess))}
	var check checker
	if !f.SkipSignatures {
		check = checker{verifier: a.log.Verifier(), heads: map[string]es.Head{}}
	}
	shown := map[string]bool{}
	for r, err := range only.merged(ctx) {
		if err != nil {
			return s, fmt.Errorf("read log: %w", err)
		}
		s.Read++
		a.tell(s.Read)
		if err := check.check(ctx, r); err != nil {
			return s, fmt.Errorf("read log: %w", err)
		}
		readings, err := a.readings(r)
		if err != nil {
			return s, fmt.Errorf("read log: %w", err)
		}
		for _, reading := range readings {
			if shown[reading.ID] || !f.selects(reading) {
				continue
			}
			shown[reading.ID] = true
			s.Shown++
			if err := show(reading); err != nil {
				return s, err
			}
		}
	}
	s.Verified = !f.SkipSignatures
	return s, nil
}

func (f ReadFilter) selects(r Reading) bool {
	switch {
	case f.Tenant != "" && f.Tenant != r.Tenant,
		f.Actor != "" && f.Actor != r.Actor && rpc.ActorID(r.Tenant, f.Actor) != r.Actor,
		f.Request != "" && f.Request != r.Case,
		!f.From.IsZero() && r.At.Before(f.From),
		!f.Until.IsZero() && r.At.After(f.Until):
		return false
	}
	return f.Subject == "" || slices.Contains(r.Subjects, f.Subject) || r.Refusal == "" && int(r.Count) > len(r.Subjects)
}

// readings are what a commit of the read log holds; control commits hold none.
func (a *Auditor) readings(r es.Recorded) ([]Reading, error) {
	if r.Aggregate.Tenant == es.LogTenant {
		return nil, nil
	}
	entry, err := a.entry(r)
	if err != nil {
		return nil, err
	}
	var out []Reading
	for _, e := range entry.Events {
		if e.message == nil {
			continue
		}
		switch m := e.message.Interface().(type) {
		case *accessv1.ReadAllowed:
			one := readingOf(r, m.GetReading())
			one.Subjects, one.Count = m.GetSubjectRefs(), m.GetSubjects()
			out = append(out, one)
		case *accessv1.ReadRefused:
			one := readingOf(r, m.GetReading())
			one.Refusal, one.Count = m.GetReason(), m.GetCount()
			out = append(out, one)
		}
	}
	return out, nil
}

func readingOf(r es.Recorded, m *accessv1.Reading) Reading {
	return Reading{
		ID: m.GetReadingId(), At: m.GetAt().AsTime(), Tenant: r.Aggregate.Tenant, Service: r.Aggregate.Type,
		Actor: m.GetActor(), Caller: m.GetCaller(), Roles: m.GetRoles(), Method: m.GetMethod(), Purpose: m.GetPurpose(), Case: m.GetCaseId(),
		Reads:      strings.ToLower(strings.TrimPrefix(m.GetReads().String(), "DATA_CLASS_")),
		BreakGlass: m.GetBreakGlass(), Trace: m.GetTraceId(), Stream: r.Position.Stream, Sequence: r.Position.Seq,
	}
}
