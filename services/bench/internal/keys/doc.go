// Package keys measures what stands before every call that touches personal data:
// the keys that identity lends, the fence that ends one, and the counting of calls.
package keys

import "habeas.internal/services/bench/internal/eventlog"

// Names of the variants.
const (
	GetOne     = "GetKeys, 1 key a call"
	GetMany    = "GetKeys, 16 keys a call"
	DestroyOne = "DestroyKeys, one replica holds it"
	DestroyAll = "DestroyKeys, six replicas hold it"

	RedisBare    = "Redis INCR"
	AdmitRedis   = "limit.Guard.Admit, five keys in Redis"
	AdmitProcess = "limit.Guard.Admit, in the process"
)

// most is the largest number of callers.
const most = 64

// batch is how many keys a call of many asks for.
const batch = 16

// Catalogue lists the variants of both sections.
func Catalogue() []eventlog.Entry {
	var all []eventlog.Entry
	for _, n := range []int{1, most} {
		all = append(all, eventlog.Entry{Section: "keys", Variant: GetOne, Callers: n})
		for _, v := range []string{RedisBare, AdmitRedis, AdmitProcess} {
			all = append(all, eventlog.Entry{Section: "limiter", Variant: v, Callers: n})
		}
	}
	return append(all, eventlog.Entry{Section: "keys", Variant: GetMany, Callers: 1},
		eventlog.Entry{Section: "fence", Variant: DestroyOne, Callers: 1}, eventlog.Entry{Section: "fence", Variant: DestroyAll, Callers: 1})
}
