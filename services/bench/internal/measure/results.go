package measure

import (
	"slices"
	"time"
)

// Series holds all points of one variant, by round.
type Series struct {
	Name    string
	Callers int
	Rounds  [][]Point
}

// Figure is something that was found beside rates, several times.
type Figure struct {
	Name   string
	Values []float64
}

// Median is the figure's value.
func (f Figure) Median() float64 { return median(f.Values) }

// Spread is how far the values lie apart: (max − min) ÷ median.
func (f Figure) Spread() float64 {
	if m := median(f.Values); m > 0 {
		return (slices.Max(f.Values) - slices.Min(f.Values)) / m
	}
	return 0
}

// Results holds the series in the order in which they were first measured.
type Results []*Series

// Find is the series of a variant.
func (r Results) Find(name string, callers int) (*Series, bool) {
	for _, s := range r {
		if s.Name == name && s.Callers == callers {
			return s, true
		}
	}
	return nil, false
}

func (r *Results) add(v Variant, round int, p Point) {
	s, ok := r.Find(v.Name, v.Callers)
	if !ok {
		s = &Series{Name: v.Name, Callers: v.Callers}
		*r = append(*r, s)
	}
	for len(s.Rounds) <= round {
		s.Rounds = append(s.Rounds, nil)
	}
	s.Rounds[round] = append(s.Rounds[round], p)
}

// Rate is operations a second: the median of the rounds.
func (s *Series) Rate() float64 { return median(s.rates()) }

// Spread is how far the rounds lie apart: (max − min) ÷ median of the rates.
func (s *Series) Spread() float64 {
	rates := s.rates()
	if m := median(rates); m > 0 {
		return (slices.Max(rates) - slices.Min(rates)) / m
	}
	return 0
}

// Ratio is the rate against another series: the median of the ratios that
// each round gave.
func (s *Series) Ratio(to *Series) float64 {
	own, other := s.rates(), to.rates()
	var ratios []float64
	for i := range min(len(own), len(other)) {
		if other[i] > 0 {
			ratios = append(ratios, own[i]/other[i])
		}
	}
	return median(ratios)
}

// P50 is the median latency: the median of all points.
func (s *Series) P50() time.Duration {
	return s.duration(func(p Point) float64 { return float64(p.P50) })
}

// P99 is the 99th percentile of latency: the median of all points.
func (s *Series) P99() time.Duration {
	return s.duration(func(p Point) float64 { return float64(p.P99) })
}

// ClientCPU is this process' processor time an operation.
func (s *Series) ClientCPU() time.Duration {
	return s.duration(func(p Point) float64 { return float64(p.ClientCPU) / float64(max(p.Ops, 1)) })
}

// ServerCPU is the servers' processor time an operation.
func (s *Series) ServerCPU() time.Duration {
	return s.duration(func(p Point) float64 { return float64(p.ServerCPU) / float64(max(p.Ops, 1)) })
}

// LessCPU is how much less processor time an operation takes than one of another
// series, in this process and the servers together: the median of the rounds' ratios.
func (s *Series) LessCPU(than *Series) float64 {
	var ratios []float64
	for i := range min(len(s.Rounds), len(than.Rounds)) {
		if own := each(s.Rounds[i]); own > 0 {
			ratios = append(ratios, each(than.Rounds[i])/own)
		}
	}
	return median(ratios)
}

// each is the processor time of an operation of one round.
func each(points []Point) float64 {
	var all []float64
	for _, p := range points {
		all = append(all, float64(p.ClientCPU+p.ServerCPU)/float64(max(p.Ops, 1)))
	}
	return median(all)
}

func (s *Series) duration(of func(Point) float64) time.Duration {
	var all []float64
	for _, p := range slices.Concat(s.Rounds...) {
		all = append(all, of(p))
	}
	return time.Duration(median(all))
}

func (s *Series) rates() []float64 {
	rates := make([]float64, len(s.Rounds))
	for i, points := range s.Rounds {
		var of []float64
		for _, p := range points {
			of = append(of, p.Rate())
		}
		rates[i] = median(of)
	}
	return rates
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
