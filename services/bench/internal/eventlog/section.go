// Package eventlog measures the event log against what it stands on and what
// could stand in its place: appends, loads of one aggregate, and the rebuild
// of a read model; beside a bare file, JetStream without our code, and
// PostgreSQL.
package eventlog

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"
)

// Settings say where and how much.
type Settings struct {
	Dir  string // for files of servers; each section makes folders of its own in it
	Self string // this program, which can run as a server
	// Postgres says whether to measure beside PostgreSQL.
	Postgres bool
	// Working is the number of aggregates that each caller appends to.
	Working int
	// Aggregates and Commits are the history that is loaded and rebuilt:
	// Commits of each of the Aggregates.
	Aggregates, Commits int
	// WarmUp is how long the history is read before anything is measured.
	WarmUp time.Duration
	// OpenFGA says whether to measure beside OpenFGA, which needs PostgreSQL.
	OpenFGA bool
	// Asked are the people whom consent is asked about, Held those whom its read
	// model is filled with.
	Asked, Held int
}

// Section is a set of variants that are measured in turn.
type Section struct {
	Name     string
	Title    string
	Notes    []string
	Variants []measure.Variant
	Base     Base
	// Figures, if any, are what was found beside rates, once all was measured.
	Figures func() []measure.Figure
	closers []func() error
}

// Base is the variant that the others are compared with.
type Base struct {
	Variant string
	Callers int // 0: the same number of callers
}

// Of is the number of callers of the base for a variant with that many.
func (b Base) Of(callers int) int {
	if b.Callers == 0 {
		return callers
	}
	return b.Callers
}

// Close ends what the section has started.
func (s *Section) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Section) closing(f func() error) { s.closers = append(s.closers, f) }

// Closing has Close call f, before what was named earlier.
func (s *Section) Closing(f func() error) { s.closing(f) }

// StartNATS starts a server that ends with the section.
func (s *Section) StartNATS(ctx context.Context, in Settings, name string) (*servers.NATS, error) {
	return s.startNATS(ctx, in, name)
}

func (s *Section) startNATS(ctx context.Context, in Settings, name string) (*servers.NATS, error) {
	n, err := servers.StartNATS(ctx, in.Self, filepath.Join(in.Dir, s.Name+"-"+name))
	if err != nil {
		return nil, err
	}
	s.closing(n.Stop)
	return n, nil
}

// StartPostgres starts a server that ends with the section; nil if none is
// wanted.
func (s *Section) StartPostgres(ctx context.Context, in Settings) (*servers.Postgres, error) {
	if !in.Postgres {
		return nil, nil
	}
	p, err := servers.StartPostgres(ctx, filepath.Join(in.Dir, s.Name+"-postgres"), "shared_buffers=1GB")
	if err != nil {
		return nil, err
	}
	s.closing(p.Stop)
	return p, nil
}

// connections is how many connections many callers share: as many as a few
// replicas of a service would have. A single caller uses the first.
const connections = 4

// most is the largest number of callers of any variant.
const most = 64

type cpu func() (time.Duration, error)

// Sum is the processor time of several servers together.
func Sum(all ...cpu) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		var total time.Duration
		for _, one := range all {
			used, err := one()
			if err != nil {
				return 0, err
			}
			total += used
		}
		return total, nil
	}
}
