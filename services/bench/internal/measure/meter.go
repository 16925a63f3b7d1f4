package measure

import (
	"fmt"
	"slices"
	"time"
)

// Point is one measurement of a variant.
type Point struct {
	Ops     int
	Elapsed time.Duration
	// P50 and P99 are latencies of a request; 0 for a pass.
	P50, P99 time.Duration
	// ClientCPU and ServerCPU are processor time used meanwhile.
	ClientCPU, ServerCPU time.Duration
}

// Rate is operations a second.
func (p Point) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Ops) / p.Elapsed.Seconds()
}

func (p *Point) count(latencies [][]time.Duration, each int) {
	all := slices.Concat(latencies...)
	slices.Sort(all)
	if n := len(all); n > 0 {
		p.Ops, p.P50, p.P99 = n*each, all[n/2], all[n*99/100]
	}
}

// meter reads the clocks at both ends of a point.
type meter struct {
	plan       Plan
	variant    Variant
	endProfile func() error
	started    time.Time
	client     time.Duration
	server     time.Duration
}

func (p Plan) startMeter(v Variant, profile begin) (*meter, error) {
	m := &meter{plan: p, variant: v}
	var err error
	if m.endProfile, err = profile(); err != nil {
		return nil, fmt.Errorf("start profile: %w", err)
	}
	if m.client, m.server, err = m.cpu(); err != nil {
		return nil, err
	}
	m.started = time.Now()
	return m, nil
}

func (m *meter) stop() (Point, error) {
	point := Point{Elapsed: time.Since(m.started)}
	client, server, err := m.cpu()
	if err != nil {
		return point, err
	}
	point.ClientCPU, point.ServerCPU = client-m.client, server-m.server
	if err := m.endProfile(); err != nil {
		return point, fmt.Errorf("end profile: %w", err)
	}
	return point, nil
}

func (m *meter) cpu() (client, server time.Duration, err error) {
	if client, err = m.plan.ClientCPU(); err != nil {
		return 0, 0, fmt.Errorf("read own processor time: %w", err)
	}
	if m.variant.CPU == nil {
		return client, 0, nil
	}
	if server, err = m.variant.CPU(); err != nil {
		return 0, 0, fmt.Errorf("read processor time of servers: %w", err)
	}
	return client, server, nil
}
