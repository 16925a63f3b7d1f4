// Package consents measures consent: what a question costs from a replica's memory,
// from Redis and with proof that nothing is newer, beside a bare echo and beside
// OpenFGA; what a decision costs; and the room that people take.
package consents

import (
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/report"
)

// Names of the variants of questions.
const (
	Echo        = "bare echo"
	CheckL1     = "Check, from memory"
	CheckOff    = "Check, from memory, no telemetry"
	CheckL2     = "Check, from Redis"
	CheckFull   = "Check, fully consistent"
	Batch       = "BatchCheck of 100"
	Cache       = "client's memory"
	PeerCheck   = "OpenFGA Check, PostgreSQL"
	batchSize   = 100
	questions   = "consent"
	writes      = "consent-writes"
	memory      = "consent-memory"
	cacheAtOnce = 1000
)

// Names of the variants of decisions; the base is the file of the section of appends.
const (
	Record1     = "RecordDecision, 1 shard"
	Record4     = "RecordDecision, 4 shards"
	JetStream1  = "JetStream alone, 1 stream"
	JetStream4  = "JetStream alone, 4 streams"
	most        = 64
	fewest      = 1
	batchAsking = 16
)

// Names of the passes over many people, and of the figures that they give.
const (
	Rebuild       = "persons built anew in Redis"
	Warm          = "a cold replica asked about everybody"
	RedisBytes    = "bytes a person in Redis"
	HeapBytes     = "bytes a person in a replica's memory"
	RebuildTime   = "seconds to build everybody anew"
	WarmTime      = "seconds to warm a cold replica"
	mostBytes     = 300
	answersOnCore = 1_000_000
)

// callers are how many ask at once.
func callers() []int { return []int{fewest, 16, most} }

// Catalogue lists every variant of the sections.
func Catalogue() []eventlog.Entry {
	var all []eventlog.Entry
	for _, n := range callers() {
		for _, v := range []string{Echo, CheckL1, CheckOff, CheckL2, CheckFull, PeerCheck} {
			all = append(all, eventlog.Entry{Section: questions, Variant: v, Callers: n})
		}
		all = append(all, eventlog.Entry{Section: writes, Variant: Record1, Callers: n}, eventlog.Entry{Section: writes, Variant: JetStream1, Callers: n})
		if n > fewest {
			all = append(all, eventlog.Entry{Section: writes, Variant: Record4, Callers: n}, eventlog.Entry{Section: writes, Variant: JetStream4, Callers: n})
		}
	}
	return append(all,
		eventlog.Entry{Section: questions, Variant: Batch, Callers: batchAsking},
		eventlog.Entry{Section: questions, Variant: Cache, Callers: fewest},
		eventlog.Entry{Section: writes, Variant: eventlog.RawFile, Callers: fewest},
		eventlog.Entry{Section: memory, Variant: Rebuild, Callers: fewest},
		eventlog.Entry{Section: memory, Variant: Warm, Callers: batchAsking})
}

// Bars are what consent is held to (the design's table of speeds).
func Bars() []report.Bar {
	ratio := func(section, variant, against string, callers int, atLeast, failsBelow float64) report.Bar {
		return report.Bar{Section: section, Variant: variant, Callers: callers, Against: against, AtLeast: atLeast, FailsBelow: failsBelow}
	}
	var out []report.Bar
	for _, n := range callers()[1:] {
		out = append(out, ratio(questions, CheckL1, "", n, 0.60, 0.50), ratio(questions, CheckL2, "", n, 0.45, 0.35),
			ratio(questions, CheckL1, PeerCheck, n, 3, 2), ratio(questions, CheckL1, CheckOff, n, 0.82, 0.82))
	}
	return append(out,
		report.Bar{Section: questions, Variant: Batch, Callers: batchAsking, Measure: report.LessCPU, Against: CheckL1, AtLeast: 20, FailsBelow: 20},
		report.Bar{Section: questions, Variant: Cache, Callers: fewest, Measure: report.Rate, AtLeast: answersOnCore, FailsBelow: answersOnCore},
		ratio(writes, Record1, "", fewest, 0.30, 0.30), ratio(writes, Record1, "", 16, 0.75, 0.75), ratio(writes, Record1, "", most, 0.85, 0.85),
		ratio(writes, Record4, "", 16, 1.1, 1.1), ratio(writes, Record4, "", most, 1.4, 1.4),
		report.Bar{Section: memory, Variant: RedisBytes, Measure: report.FigureBelow, AtLeast: mostBytes, FailsBelow: mostBytes},
		report.Bar{Section: memory, Variant: HeapBytes, Measure: report.FigureBelow, AtLeast: mostBytes, FailsBelow: mostBytes})
}
