package report

import (
	"fmt"
	"time"
)

// Measure is what a bar looks at.
type Measure int

const (
	// Ratio is the rate against the section's base.
	Ratio Measure = iota
	// Rate is operations a second.
	Rate
	// P50Below is the median latency in milliseconds: less is better.
	P50Below
	// LessCPU is how many times less processor time an operation takes than one of
	// Against.
	LessCPU
	// FigureBelow is a figure of the section: less is better.
	FigureBelow
)

// Bar is a promise about one variant.
type Bar struct {
	Section, Variant    string // of FigureBelow: the figure
	Callers             int
	Measure             Measure
	Against             string  // what Ratio and LessCPU compare with; the section's base if empty
	AtLeast, FailsBelow float64 // for P50Below and FigureBelow: below, and fails at
}

// Row is a bar and what was measured.
type Row struct {
	Bar
	Base  string // what Ratio compares with
	Value float64
}

// Rows judges the bars whose variants were measured. What was not measured,
// because only a part was asked for, has no row.
func Rows(bars []Bar, sections []Section) []Row {
	var rows []Row
	for _, bar := range bars {
		for _, s := range sections {
			if row, ok := bar.judge(s); ok {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func (b Bar) judge(s Section) (Row, bool) {
	if b.Measure == FigureBelow {
		return b.judgeFigure(s)
	}
	v, ok := s.Results.Find(b.Variant, b.Callers)
	if !ok || s.Name != b.Section {
		return Row{}, false
	}
	row := Row{Bar: b}
	switch b.Measure {
	case Rate:
		row.Value = v.Rate()
	case P50Below:
		row.Value = float64(v.P50()) / float64(time.Millisecond)
	case Ratio, LessCPU:
		base := s.Base(v)
		if b.Against != "" {
			base, _ = s.Results.Find(b.Against, b.Callers)
		}
		if base == nil {
			return Row{}, false
		}
		row.Base, row.Value = base.Name, v.Ratio(base)
		if b.Measure == LessCPU {
			row.Value = v.LessCPU(base)
		}
	case FigureBelow: // above
	}
	return row, true
}

func (b Bar) judgeFigure(s Section) (Row, bool) {
	for _, f := range s.Figures {
		if s.Name == b.Section && f.Name == b.Variant {
			return Row{Bar: b, Value: f.Median()}, true
		}
	}
	return Row{}, false
}

// less says that less is better.
func (r Row) less() bool { return r.Measure == P50Below || r.Measure == FigureBelow }

// Name says what the row is about.
func (r Row) Name() string {
	if r.Measure == FigureBelow {
		return r.Variant
	}
	name := fmt.Sprintf("%s, %d callers", r.Variant, r.Callers)
	switch r.Measure {
	case Rate:
		return name + ": operations a second"
	case P50Below:
		return name + ": p50 in ms"
	case LessCPU:
		return name + ": times less processor time than " + r.Base
	case Ratio:
		return name + ": ÷ " + r.Base
	case FigureBelow: // above
	}
	return name
}

// Met says whether the bar is reached.
func (r Row) Met() bool {
	if r.less() {
		return r.Value > 0 && r.Value < r.AtLeast
	}
	return r.Value >= r.AtLeast
}

// Failed says whether the value is worse than what is put up with.
func (r Row) Failed() bool {
	if r.less() {
		return r.Value <= 0 || r.Value >= r.FailsBelow
	}
	return r.Value < r.FailsBelow
}

// Verdict is the row's judgement in a word.
func (r Row) Verdict() string {
	switch {
	case r.Failed():
		return "**FAILS**"
	case r.Met():
		return "met"
	}
	return "below the bar"
}

func (r Row) show(v float64) string {
	if r.Measure == Rate || r.Measure == FigureBelow {
		return thousands(v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r Row) bar() string {
	if r.less() {
		return "< " + r.show(r.AtLeast)
	}
	return "≥ " + r.show(r.AtLeast)
}

func (r Row) limit() string {
	if r.less() {
		return "≥ " + r.show(r.FailsBelow)
	}
	return "< " + r.show(r.FailsBelow)
}
