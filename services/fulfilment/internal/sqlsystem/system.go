package sqlsystem

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
)

// Config says how a database is reached and used.
type Config struct {
	Kind Kind
	// DSN is the driver's connection string. It holds secrets and is never
	// shown, in errors neither.
	DSN string
	// Dataset describes the database.
	Dataset *dataset.Dataset
	// Name is what the connection is called. It and the dataset's key tell the
	// tokens of one system from those of another.
	Name string

	// Limits; zero takes the value in brackets.
	Connections int           // open at a time [4]
	Rows        int           // most rows that one transaction erases [10,000]
	Chunk       int           // rows of a chunk beyond that [5,000]
	Page        int           // rows that one query shows [50,000]
	MostValue   int           // most bytes of a value that is collected [16 MiB]
	Timeout     time.Duration // of one statement or transaction [5 min]
}

// System is one SQL database.
type System struct {
	db      *sql.DB
	dialect dialect
	config  Config

	mu   sync.Mutex
	plan *plan

	// paused is called after each chunk; tests interrupt there.
	paused func()
}

var _ connector.System = (*System)(nil)

// Open prepares the connection. Nothing is asked of the database until the
// first use.
func Open(c Config) (*System, error) {
	d, ok := dialectOf(c.Kind)
	if !ok || c.Dataset == nil {
		return nil, failed("open", connector.ErrMismatch, "")
	}
	dsn, err := d.dsn(c.DSN)
	if err != nil {
		return nil, failed("read connection string", connector.ErrConnector, "")
	}
	db, err := sql.Open(d.driver(), dsn)
	if err != nil {
		return nil, failed("open", connector.ErrMismatch, "")
	}
	limits := []struct {
		limit *int
		usual int
	}{{&c.Connections, 4}, {&c.Rows, 10_000}, {&c.Chunk, 5_000}, {&c.Page, 50_000}, {&c.MostValue, 16 << 20}}
	for _, l := range limits {
		if *l.limit <= 0 {
			*l.limit = l.usual
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Minute
	}
	db.SetMaxOpenConns(c.Connections)
	db.SetMaxIdleConns(c.Connections)
	db.SetConnMaxIdleTime(time.Minute)
	return &System{db: db, dialect: d, config: c, paused: func() {}}, nil
}

// Close ends the connections.
func (s *System) Close() error {
	if err := s.db.Close(); err != nil {
		return failed("close", nil, "")
	}
	return nil
}

// IdentityColumns names the columns that hold a kind of identifier.
func (s *System) IdentityColumns(kind string) []string { return s.config.Dataset.IdentityColumns(kind) }

// Check compares the dataset with the database's catalogue, which it reads
// anew; what it finds is what the other methods go by from then on.
func (s *System) Check(ctx context.Context) ([]string, error) {
	_, remarks, err := s.check(ctx)
	return remarks, err
}

func (s *System) check(ctx context.Context) (*plan, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	c, err := s.dialect.read(ctx, s.db, s.config.Dataset.Schema)
	if err != nil {
		return nil, nil, s.failed(ctx, "read catalogue", err)
	}
	remarks, err := compare(s.config.Dataset, c)
	if err != nil {
		return nil, remarks, err
	}
	p := newPlan(s.config.Dataset, c)
	more, err := p.check(c)
	remarks = append(remarks, more...)
	if err != nil {
		return nil, remarks, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = p
	return p, remarks, nil
}

// ready checks the system at its first use.
func (s *System) ready(ctx context.Context) (*plan, error) {
	s.mu.Lock()
	p := s.plan
	s.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, _, err := s.check(ctx)
	return p, err
}
