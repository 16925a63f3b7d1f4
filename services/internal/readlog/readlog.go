// Package readlog writes down who looked at whose personal data, before it
// leaves. An instance of a service has one session per tenant: an aggregate with
// a random id that nobody else appends to. So the head is known without reading,
// which the service may not do here, and calls that arrive together share one
// commit.
package readlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc"
)

// Context is the context of the read log.
const Context = "access"

// Store takes commits.
type Store interface {
	// Append is es.Store's; after an error the aggregate is given up.
	Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error)
}

// Config is what a Log needs. Zero limits mean the defaults.
type Config struct {
	Store   Store
	Service string // the type of its sessions
	Random  io.Reader
	// Batch is how many readings one commit may hold; default 200.
	Batch int
	// Queue is how many readings of a tenant may wait; default 4096. Those beyond
	// are refused at once.
	Queue int
	// Patience bounds one commit; default 5 s.
	Patience time.Duration
}

const (
	defaultBatch    = 200
	defaultQueue    = 4096
	defaultPatience = 5 * time.Second
	// maxBytes is how much of a commit's size a batch may use; one reading with
	// the most references has some 7 kB.
	maxBytes = 384 << 10
	// attempts is how often a batch is tried, each time in another session.
	attempts = 2
)

// Errors of Record. Neither tells whether the reading stands in the log: the
// caller must not answer.
var (
	// ErrFull says that too many readings wait.
	ErrFull = errors.New("read log: too many readings wait")
	// ErrNotWritten says that the log did not confirm the reading.
	ErrNotWritten = errors.New("read log: not confirmed")
)

// Log is the read log of one instance. It may be used by several goroutines.
type Log struct {
	cfg Config

	mu       sync.Mutex
	sessions map[string]*session // by tenant
}

// New makes a log. It writes nothing yet.
func New(cfg Config) (*Log, error) {
	if cfg.Store == nil || cfg.Random == nil {
		return nil, fmt.Errorf("make read log: %w", es.ErrConfiguration)
	}
	probe := es.Aggregate{Context: Context, Tenant: "t", Type: cfg.Service, ID: "i"}
	if err := probe.Validate(); err != nil {
		return nil, fmt.Errorf("make read log: %w", err)
	}
	if cfg.Batch == 0 {
		cfg.Batch = defaultBatch
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	return &Log{cfg: cfg, sessions: map[string]*session{}}, nil
}

// session is one tenant's. The goroutine that writes is there only while there
// is something to write.
type session struct {
	mu      sync.Mutex
	waiting []*entry
	writing bool

	// Of the writing goroutine alone.
	aggregate es.Aggregate
	head      es.Head
}

// entry is a reading that waits.
type entry struct {
	event es.Event
	at    time.Time
	done  chan error
}

// Record returns nil when the reading stands in the log. It is rpc.ReadLog's.
func (l *Log) Record(ctx context.Context, r rpc.Read) error {
	ev, err := l.event(r)
	if err != nil {
		return err
	}
	e := &entry{event: ev, at: r.At, done: make(chan error, 1)}
	if err := l.enqueue(r.Tenant, e); err != nil {
		return err
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotWritten, ctx.Err())
	}
}

func (l *Log) enqueue(tenant string, e *entry) error {
	l.mu.Lock()
	s := l.sessions[tenant]
	if s == nil {
		s = &session{}
		l.sessions[tenant] = s
	}
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= l.cfg.Queue {
		return ErrFull
	}
	s.waiting = append(s.waiting, e)
	if !s.writing {
		s.writing = true
		go l.write(tenant, s)
	}
	return nil
}

// write writes what waits, and what comes while it writes, until nothing does.
func (l *Log) write(tenant string, s *session) {
	for {
		batch := l.take(s)
		if len(batch) == 0 {
			return
		}
		err := l.commit(tenant, s, batch)
		for _, e := range batch {
			e.done <- err
		}
	}
}

// take is what fits into the next commit. With nothing left the writer ends.
func (l *Log) take(s *session) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.waiting) && n < l.cfg.Batch {
		if size += len(s.waiting[n].event.Data); size > maxBytes && n > 0 {
			break
		}
		n++
	}
	batch := s.waiting[:n:n]
	s.waiting = s.waiting[n:]
	if n == 0 {
		s.waiting, s.writing = nil, false
	}
	return batch
}

// commit appends a batch. After an error the session is given up: where its
// aggregate stands can't be read. A batch may then stand in two sessions, with
// the same ids.
func (l *Log) commit(tenant string, s *session, batch []*entry) error {
	var err error
	for range attempts {
		ctx, cancel := context.WithTimeout(context.Background(), l.cfg.Patience)
		err = l.append(ctx, tenant, s, batch)
		cancel()
		if err == nil {
			return nil
		}
		s.aggregate, s.head = es.Aggregate{}, es.Head{}
		if !errors.Is(err, es.ErrConflict) && !errors.Is(err, es.ErrUnknownOutcome) {
			break
		}
	}
	return fmt.Errorf("%w: %w", ErrNotWritten, err)
}

func (l *Log) append(ctx context.Context, tenant string, s *session, batch []*entry) error {
	if s.aggregate.ID == "" {
		id, err := es.NewID(l.cfg.Random)
		if err != nil {
			return err
		}
		s.aggregate = es.Aggregate{Context: Context, Tenant: tenant, Type: l.cfg.Service, ID: id}
	}
	id, err := es.NewID(l.cfg.Random)
	if err != nil {
		return err
	}
	c := es.Commit{ID: id, CommandID: id, Aggregate: s.aggregate, Time: batch[0].at}
	for _, e := range batch {
		c.Events = append(c.Events, e.event)
	}
	rec, err := l.cfg.Store.Append(ctx, s.head, c)
	if err != nil {
		return err
	}
	s.head, err = s.head.Next(rec)
	return err
}
