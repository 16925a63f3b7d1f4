package check

import (
	"slices"
	"time"
)

// Until is the moment from which the answer to a question may be another one
// although nothing is recorded meanwhile: the first one after the question's
// own at which a version comes into force, or something of the recipient or of
// the person begins or ends. Zero: no such moment is known. Before it, the same
// question about a later moment gets the same answer.
func Until(p Policy, who Person, q Question) time.Time {
	a := q.To.Agreement
	f, _ := frameworkOf(a.MechanismKind)
	moments := []time.Time{
		q.CollectedAt, a.From, a.Until, a.Confirmed, a.MechanismUntil, q.To.Succession, who.Notified,
		who.Purposes[q.Purpose].Until, f.from, f.until,
	}
	for _, v := range p.Versions {
		moments = append(moments, v.InForce)
	}
	moments = slices.DeleteFunc(moments, func(m time.Time) bool { return !m.After(q.At) })
	if len(moments) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(moments, time.Time.Compare)
}
