// Package record is a person's state as the read model and a replica's memory
// keep it: packed, and no more of it than Check asks. Evidence is not in it, but
// that there was some is.
package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"

	"google.golang.org/protobuf/proto"
)

// Present stands for any evidence in a state that was unpacked.
const Present = "recorded"

// Flags of a decision: the status is in the low bits.
const (
	statusBits = 7
	explicit   = 1 << 3
	evidence   = 1 << 4
	offered    = 1 << 5
	imported   = 1 << 6
	kept       = 1 << 7
)

// Pack writes a state. The same state always gives the same bytes, and a person
// of whom nothing was recorded none.
func Pack(s person.Person) ([]byte, error) {
	if s.Since.IsZero() {
		return nil, nil
	}
	p := packer{since: s.Since, policies: map[string]*consentv1.PolicyRecord{}}
	out := &consentv1.PersonRecord{
		Since: nanos(s.Since), Restricting: slices.Sorted(maps.Keys(s.Restricting)), Closed: s.Closed, Erased: s.Erased,
	}
	for _, cause := range slices.Sorted(maps.Keys(s.Partners)) {
		out.Partners = append(out.Partners, &consentv1.PartnerRecord{Cause: cause, SubjectRef: s.Partners[cause]})
	}
	for _, to := range slices.Sorted(maps.Keys(s.Notified)) {
		out.Notices = append(out.Notices, &consentv1.NoticeRecord{Recipient: to, Notified: nanos(s.Notified[to]) - out.GetSince()})
	}
	if !s.WithdrawnAt.IsZero() {
		out.Withdrawn = proto.Int64(nanos(s.WithdrawnAt) - out.GetSince())
	}
	p.sources(s, out)
	p.pack(s)
	for _, name := range slices.Sorted(maps.Keys(p.policies)) {
		out.Policies = append(out.Policies, p.policies[name])
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("pack person: %w", err)
	}
	return b, nil
}

type packer struct {
	since    time.Time
	policies map[string]*consentv1.PolicyRecord
}

func (p packer) policy(name string) *consentv1.PolicyRecord {
	if p.policies[name] == nil {
		p.policies[name] = &consentv1.PolicyRecord{Policy: name}
	}
	return p.policies[name]
}

func (p packer) pack(s person.Person) {
	for _, t := range slices.SortedFunc(maps.Keys(s.Purposes), inOrder) {
		d := p.decided(t.Policy, s.Purposes[t].Decision, s.Purposes[t].Offered)
		d.Purposes = append(d.Purposes, t.Name)
	}
	for _, t := range slices.SortedFunc(maps.Keys(s.Categories), inOrder) {
		d := p.decided(t.Policy, s.Categories[t], false)
		d.Categories = append(d.Categories, t.Name)
	}
	for name, a := range s.Accepted {
		p.policy(name).Accepted = p.acceptance(a)
	}
	for name, a := range s.Used {
		p.policy(name).Used = p.acceptance(a)
	}
	for name := range s.Signalled {
		p.policy(name).Signalled = true
	}
	for name := range s.Minor {
		p.policy(name).Minor = true
	}
}

func inOrder(a, b person.Topic) int {
	return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Name, b.Name))
}

// decided is the record of a decision under a policy: one that is there already, if
// it says the same.
func (p packer) decided(policy string, d person.Decision, way bool) *consentv1.TopicRecord {
	r, one := p.policy(policy), p.record(d, way)
	for _, other := range r.GetDecisions() {
		if alike(one, other) {
			return other
		}
	}
	r.Decisions = append(r.Decisions, one)
	return one
}

func alike(a, b *consentv1.TopicRecord) bool {
	return a.GetFlags() == b.GetFlags() && a.GetVersion() == b.GetVersion() && a.GetDecided() == b.GetDecided() &&
		a.GetRecorded() == b.GetRecorded() && a.GetExpires() == b.GetExpires() && slices.Equal(a.GetRecipients(), b.GetRecipients())
}

func (p packer) record(d person.Decision, way bool) *consentv1.TopicRecord {
	flags := uint32(d.Status)
	for _, f := range []struct {
		set bool
		bit uint32
	}{{d.Explicit, explicit}, {d.Evidence != "", evidence}, {way, offered}, {d.Imported, imported}, {d.Kept, kept}} {
		if f.set {
			flags |= f.bit
		}
	}
	out := &consentv1.TopicRecord{Flags: flags, Version: d.Version, Recipients: d.Recipients}
	if d.Status != 0 {
		decided := nanos(d.DecidedAt)
		out.Decided, out.Recorded = decided-nanos(p.since), nanos(d.RecordedAt)-decided
		if !d.ExpiresAt.IsZero() {
			out.Expires = nanos(d.ExpiresAt) - decided
		}
	}
	return out
}

// nanos are since 1970. What is said to lie before 1900 lies there, so that
// every moment has a number.
func nanos(at time.Time) int64 {
	if first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(first) {
		at = first
	}
	return at.UnixNano()
}

func (p packer) acceptance(a person.Acceptance) *consentv1.AcceptanceRecord {
	return &consentv1.AcceptanceRecord{Version: a.Version, Accepted: nanos(a.At) - nanos(p.since)}
}

// Unpack reads what Pack wrote. No bytes are a person of whom nothing was
// recorded.
func Unpack(b []byte) (person.Person, error) {
	var s person.Person
	if len(b) == 0 {
		return s, nil
	}
	var r consentv1.PersonRecord
	if err := proto.Unmarshal(b, &r); err != nil {
		return s, fmt.Errorf("unpack person: %w", err)
	}
	s.Since, s.Closed, s.Erased = time.Unix(0, r.GetSince()).UTC(), r.GetClosed(), r.GetErased()
	for _, cause := range r.GetRestricting() {
		put(&s.Restricting, cause, true)
	}
	for _, p := range r.GetPartners() {
		put(&s.Partners, p.GetCause(), p.GetSubjectRef())
	}
	for _, n := range r.GetNotices() {
		put(&s.Notified, n.GetRecipient(), s.Since.Add(time.Duration(n.GetNotified())))
	}
	if r.Withdrawn != nil { //nolint:protogetter // zero is a moment, too
		s.WithdrawnAt = s.Since.Add(time.Duration(r.GetWithdrawn()))
	}
	for _, r := range r.GetSources() {
		put(&s.Sources, person.Account{Policy: r.GetPolicy(), Provider: r.GetProvider(), Scope: r.GetScope()}, authorisation(s.Since, r))
	}
	for _, p := range r.GetPolicies() {
		unpack(&s, p)
	}
	return s, nil
}

func unpack(s *person.Person, p *consentv1.PolicyRecord) {
	for _, r := range p.GetDecisions() {
		d, way := decision(s.Since, r), r.GetFlags()&offered != 0
		for _, name := range r.GetPurposes() {
			put(&s.Purposes, person.Topic{Policy: p.GetPolicy(), Name: name}, person.Purpose{Decision: d, Offered: way})
		}
		for _, name := range r.GetCategories() {
			put(&s.Categories, person.Topic{Policy: p.GetPolicy(), Name: name}, d)
		}
	}
	if a := p.GetAccepted(); a != nil {
		put(&s.Accepted, p.GetPolicy(), acceptance(s.Since, a))
	}
	if a := p.GetUsed(); a != nil {
		put(&s.Used, p.GetPolicy(), acceptance(s.Since, a))
	}
	if p.GetSignalled() {
		put(&s.Signalled, p.GetPolicy(), true)
	}
	if p.GetMinor() {
		put(&s.Minor, p.GetPolicy(), true)
	}
}

func decision(since time.Time, t *consentv1.TopicRecord) person.Decision {
	d := person.Decision{
		Status: person.Status(t.GetFlags() & statusBits), Explicit: t.GetFlags()&explicit != 0,
		Imported: t.GetFlags()&imported != 0, Kept: t.GetFlags()&kept != 0, Version: t.GetVersion(), Recipients: t.GetRecipients(),
	}
	if t.GetFlags()&evidence != 0 {
		d.Evidence = Present
	}
	if d.Status != 0 {
		d.DecidedAt = since.Add(time.Duration(t.GetDecided()))
		d.RecordedAt = d.DecidedAt.Add(time.Duration(t.GetRecorded()))
	}
	if t.GetExpires() != 0 {
		d.ExpiresAt = d.DecidedAt.Add(time.Duration(t.GetExpires()))
	}
	return d
}

func acceptance(since time.Time, a *consentv1.AcceptanceRecord) person.Acceptance {
	return person.Acceptance{Version: a.GetVersion(), At: since.Add(time.Duration(a.GetAccepted()))}
}

func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}
