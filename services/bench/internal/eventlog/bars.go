package eventlog

import "habeas.internal/services/bench/internal/report"

// Bars are what the project holds itself to (the design's table of speeds).
func Bars() []report.Bar {
	return []report.Bar{
		{Section: "append", Variant: Append1, Callers: 1, Measure: report.Ratio, AtLeast: 0.50, FailsBelow: 0.40},
		{Section: "append", Variant: Append1, Callers: 16, Measure: report.Ratio, AtLeast: 0.85, FailsBelow: 0.70},
		{Section: "append", Variant: Append1, Callers: most, Measure: report.Ratio, AtLeast: 0.95, FailsBelow: 0.80},
		{Section: "append", Variant: Append4, Callers: 16, Measure: report.Ratio, AtLeast: 1.5, FailsBelow: 1.2},
		{Section: "append", Variant: Append4, Callers: most, Measure: report.Ratio, AtLeast: 2.0, FailsBelow: 1.6},
		{Section: "load", Variant: Load, Callers: 1, Measure: report.Ratio, AtLeast: 0.5, FailsBelow: 0.4},
		{Section: "load", Variant: Load, Callers: 16, Measure: report.Ratio, AtLeast: 0.5, FailsBelow: 0.4},
		{Section: "load", Variant: Load, Callers: most, Measure: report.Ratio, AtLeast: 0.5, FailsBelow: 0.4},
		{Section: "load", Variant: Load, Callers: 1, Measure: report.P50Below, AtLeast: 1, FailsBelow: 1},
		{Section: "rebuild", Variant: Rebuild, Callers: historyShards, Measure: report.Ratio, AtLeast: 0.4, FailsBelow: 0.4},
		{Section: "rebuild", Variant: Rebuild, Callers: historyShards, Measure: report.Rate, AtLeast: 100_000, FailsBelow: 100_000},
	}
}

// Entry names one variant.
type Entry struct {
	Section, Variant string
	Callers          int
}

// Catalogue lists every variant of every section, so that one can know what a
// section measures before its servers run.
func Catalogue() []Entry {
	var all []Entry
	add := func(section string, callers []int, variants ...string) {
		for _, v := range variants {
			for _, n := range callers {
				all = append(all, Entry{section, v, n})
			}
		}
	}
	add("append", []int{1}, RawFile)
	add("append", []int{1, 16, most}, Append1, JetStream1, PostgresAdd)
	add("append", []int{16, most}, Append4, JetStream4)
	add("reads", []int{1, most}, Append4, AppendOwn, Record)
	add("load", []int{1, 16, most}, PostgresSelect, Load, LoadUnverified, DirectGet)
	add("rebuild", []int{historyShards}, RawConsumer, Rebuild)
	return all
}
