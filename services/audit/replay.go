package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
)

// Filter says what to show. The zero value shows everything; a person and a
// request show what concerns either.
type Filter struct {
	// Tenant shows commits of one tenant only.
	Tenant string
	// Subject shows what concerns a person, by reference: their aggregates,
	// their requests, and every commit that names one of these.
	Subject string
	// Request shows what concerns a request: its own aggregate, what was made
	// for it, and every commit that names it.
	Request string
	// Until shows the log as it stood at a moment, that included: also whose a
	// request is counts only if the log said so by then.
	Until time.Time
	// SkipSignatures trusts the store.
	SkipSignatures bool
}

// Entry is one commit as an auditor sees it.
type Entry struct {
	Stream      string    `json:"stream"`
	Sequence    uint64    `json:"sequence"`
	Stored      time.Time `json:"stored_at"`
	Decided     time.Time `json:"decided_at"`
	Tenant      string    `json:"tenant"`
	Context     string    `json:"context"`
	Aggregate   string    `json:"aggregate"`
	ID          string    `json:"id"`
	Version     uint64    `json:"first_version"`
	Command     string    `json:"command_id"`
	Client      bool      `json:"client_command,omitempty"`
	Refusal     string    `json:"refusal,omitempty"`
	Correlation string    `json:"correlation,omitempty"`
	Causation   string    `json:"causation,omitempty"`
	Trace       string    `json:"trace_id,omitempty"`
	Events      []Event   `json:"events"`
}

// Summary says what was read.
type Summary struct {
	// Read is how many commits were read, Shown how many were selected.
	Read  uint64 `json:"commits_read"`
	Shown uint64 `json:"commits_shown"`
	// Searched is how many of them were read before, for whose they are: none but
	// for a person, and then those of the context that has requests.
	Searched uint64 `json:"commits_searched,omitempty"`
	// Unknown is how many events shown are of types that are not known here.
	Unknown uint64 `json:"unknown_events,omitempty"`
	// Streams are those that were read from their genesis to their end.
	Streams int `json:"streams"`
	// Verified says that sequences, chains and signatures of all commits read
	// hold. Without it, only sequences do.
	Verified bool `json:"verified"`
}

// Auditor reads one log.
type Auditor struct {
	log      *jetstream.Log
	contexts []string
	events   *Registry
	progress func(read uint64)
}

// Tell makes a long reading say now and then how many commits were read.
func (a *Auditor) Tell(progress func(read uint64)) { a.progress = progress }

// tellEvery is how many commits pass between two reports.
const tellEvery = 1000

func (a *Auditor) tell(read uint64) {
	if a.progress != nil && read%tellEvery == 0 {
		a.progress(read)
	}
}

// New makes an auditor of the contexts that the log was opened for.
func New(log *jetstream.Log, contexts []string) *Auditor {
	return &Auditor{log: log, contexts: contexts, events: NewRegistry()}
}

// Replay gives every commit that the filter selects to show, in the order in
// which they were stored, streams merged. It ends with the first error: of show,
// of the log's, or a CorruptError where the log is not what was written.
func (a *Auditor) Replay(ctx context.Context, f Filter, show func(Entry) error) (Summary, error) {
	var s Summary
	pick, err := a.selection(ctx, f, &s)
	if err != nil {
		return s, err
	}
	var check checker
	if !f.SkipSignatures {
		check = checker{verifier: a.log.Verifier(), heads: map[string]es.Head{}}
	}
	for _, c := range a.contexts {
		s.Streams += len(a.log.Streams(c))
	}
	for r, err := range a.merged(ctx) {
		if err != nil {
			return s, fmt.Errorf("replay: %w", err)
		}
		s.Read++
		a.tell(s.Searched + s.Read)
		if err := check.check(ctx, r); err != nil {
			return s, fmt.Errorf("replay: %w", err)
		}
		if !pick.inTime(r) {
			continue
		}
		entry, err := a.entry(r)
		if err != nil {
			return s, fmt.Errorf("replay: %w", err)
		}
		if !pick.has(r, entry) {
			continue
		}
		s.Shown++
		for i := range entry.Events {
			if entry.Events[i].show(); entry.Events[i].Unknown {
				s.Unknown++
			}
		}
		if err := show(entry); err != nil {
			return s, err
		}
	}
	s.Verified = !f.SkipSignatures
	return s, nil
}

func (a *Auditor) entry(r es.Recorded) (Entry, error) {
	out := Entry{
		Stream: r.Position.Stream, Sequence: r.Position.Seq, Stored: r.Stored.UTC(), Decided: r.Time,
		Tenant: r.Aggregate.Tenant, Context: r.Aggregate.Context, Aggregate: r.Aggregate.Type, ID: r.Aggregate.ID,
		Version: r.FirstVersion, Command: r.CommandID, Client: r.Client, Refusal: r.Refusal,
		Correlation: r.Meta.Correlation, Causation: r.Meta.Causation, Trace: traceID(r.Meta.Traceparent),
		Events: make([]Event, len(r.Events)),
	}
	for i, e := range r.Events {
		var err error
		if out.Events[i], err = a.events.decode(r.Aggregate, e, es.EventID(r.ID, i)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// traceID is the second part of a W3C traceparent.
func traceID(traceparent string) string {
	const begin, end = 3, 35
	if len(traceparent) < end {
		return ""
	}
	return traceparent[begin:end]
}

// checker verifies that commits chain and are signed. The zero value checks
// nothing.
type checker struct {
	verifier es.Verifier
	heads    map[string]es.Head
}

func (c checker) check(ctx context.Context, r es.Recorded) error {
	if c.verifier == nil {
		return nil
	}
	next, err := c.heads[r.Message.Subject].Next(r)
	if err != nil {
		return err
	}
	c.heads[r.Message.Subject] = next
	return c.verifier.Verify(ctx, r)
}

// merged yields the commits of all streams in the order of their stored time;
// of one stream, always in the order of the stream.
func (a *Auditor) merged(ctx context.Context) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		heads, stop, err := a.begin(ctx)
		defer stop()
		if err != nil {
			yield(es.Recorded{}, err)
			return
		}
		for len(heads) > 0 {
			first := 0
			for i, h := range heads {
				if h.now.Stored.Before(heads[first].now.Stored) {
					first = i
				}
			}
			if !yield(heads[first].now, nil) {
				return
			}
			more, err := heads[first].advance()
			if err != nil {
				yield(es.Recorded{}, err)
				return
			}
			if !more {
				heads = append(heads[:first], heads[first+1:]...)
			}
		}
	}
}

// stream is one that is being read, at its next commit.
type stream struct {
	now  es.Recorded
	next func() (es.Recorded, error, bool)
}

func (s *stream) advance() (more bool, err error) {
	s.now, err, more = s.next()
	return more && err == nil, err
}

// begin opens every stream at its first commit. stop ends what was begun, also
// after an error.
func (a *Auditor) begin(ctx context.Context) (heads []*stream, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, end := range stops {
			end()
		}
	}
	for _, c := range a.contexts {
		ends, err := a.log.End(ctx, c)
		if err != nil {
			return nil, stop, err
		}
		for _, name := range a.log.Streams(c) {
			next, end := iter.Pull2(a.one(ctx, c, name, ends))
			stops = append(stops, end)
			s := &stream{next: next}
			more, err := s.advance()
			if err != nil {
				return nil, stop, err
			}
			if more {
				heads = append(heads, s)
			}
		}
	}
	return heads, stop, nil
}

// one yields the commits of one stream of a context: those of the others are
// taken as read.
func (a *Auditor) one(ctx context.Context, domain, name string, ends es.Token) iter.Seq2[es.Recorded, error] {
	after := es.Token{}
	for stream, p := range ends {
		if stream != name {
			after[stream] = p
		}
	}
	return func(yield func(es.Recorded, error) bool) {
		for r, err := range a.log.Scan(ctx, domain, after) {
			if err == nil && r.Position.Stream != name {
				continue // written to another stream meanwhile
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
