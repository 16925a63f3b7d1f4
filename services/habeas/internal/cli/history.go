package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
)

// happening is one row of a history: what happened to any number of leaves of
// one system in the same way.
type happening struct {
	first         *fulfilmentv1.Step
	event, system string
	reason        string
	n             int // leaves
}

// history is what happened, a row for leaves of one system that fared alike.
// JSON has each by itself.
func history(e *fulfilmentv1.ExplainRequestResponse) []string {
	systems := map[uint32]string{}
	for _, l := range e.GetRequest().GetLeaves() {
		systems[l.GetLeaf()] = l.GetSystem()
	}
	var all []happening
	for _, h := range e.GetHistory() {
		next := happening{first: h, event: h.GetEvent(), system: systems[h.GetLeaf()], reason: h.GetReason()}
		if h.GetLeaf() == 0 {
			all = append(all, next)
			continue
		}
		at := sameEvent(all, h.GetEvent(), next.alike)
		if at < 0 {
			all, at = append(all, next), len(all)
		}
		all[at].n++
	}
	rows := []string{"AT\tEVENT\tSYSTEM\tLEAVES\tREASON"}
	for _, h := range all {
		leaves := "-"
		if h.n > 0 {
			leaves = fmt.Sprint(h.n)
		}
		rows = append(rows, cells(day(h.first.GetAt()), h.event,
			dash(h.system), leaves, dash(strings.ToLower(h.reason))))
	}
	return rows
}

// alike reports that another happening differs by its leaf alone.
func (h happening) alike(o happening) bool {
	const together = time.Second
	return o.n > 0 && o.system == h.system && o.reason == h.reason &&
		h.first.GetAt().AsTime().Sub(o.first.GetAt().AsTime()) < together
}

// sameEvent finds a happening among the last ones, which are of one event; -1 if
// there is none.
func sameEvent(all []happening, event string, alike func(happening) bool) int {
	for i, h := range slices.Backward(all) {
		if h.event != event {
			break
		}
		if alike(h) {
			return i
		}
	}
	return -1
}

// traces name the traces in which it was recorded.
func traces(e *fulfilmentv1.ExplainRequestResponse) []string {
	rows := []string{"TRACES"}
	for _, h := range e.GetHistory() {
		if id := h.GetTraceId(); id != "" && !slices.Contains(rows, id) {
			rows = append(rows, id)
		}
	}
	return rows
}

// ended is a request that is closed, narrow enough for a terminal of 80
// columns: a row for leaves of one system that ended alike.
func ended(q *fulfilmentv1.Request) [][]string {
	type end struct{ system, outcome, reason, until string }
	var order []end
	leaves, found := map[end]int{}, map[end]uint64{}
	for _, l := range q.GetLeaves() {
		e := end{l.GetSystem(), leafOutcome(l), dash(l.GetReason()), "-"}
		if l.GetUntil() != nil {
			e.until = l.GetUntil().AsTime().UTC().Format(time.DateOnly)
		}
		if leaves[e] == 0 {
			order = append(order, e)
		}
		leaves[e]++
		found[e] += l.GetRowsFound()
	}
	tables := [][]string{{"OUTCOME\tDUE\tCLOSED", cells(outcome(q.GetOutcome()), dash(q.GetDueOn()), day(q.GetClosedAt()))}}
	if len(order) > 0 {
		rows := []string{"SYSTEM\tOUTCOME\tLEAVES\tROWS\tREASON\tUNTIL"}
		for _, e := range order {
			rows = append(rows, cells(e.system, e.outcome, leaves[e], found[e], e.reason, e.until))
		}
		tables = append(tables, rows)
	}
	if q.GetPackageUri() != "" {
		tables = append(tables, []string{"PACKAGE\tUNTIL", cells(q.GetPackageUri(), day(q.GetPackageExpiresAt()))})
	}
	return tables
}
