package wire

import (
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"
)

// scoping are the events of what a request is about, and what it left.
func scoping() []entry {
	return []entry{
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.ScopeSet) *fulfilmentv1.ScopeSet {
			m := &fulfilmentv1.ScopeSet{}
			for _, l := range e.Limbs {
				m.Parts = append(m.Parts, &fulfilmentv1.ScopePart{Category: l.Category, System: l.System})
			}
			return m
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ScopeSet) request.ScopeSet {
			e := request.ScopeSet{}
			for _, p := range m.GetParts() {
				e.Limbs = append(e.Limbs, request.Limb{Category: p.GetCategory(), System: p.GetSystem()})
			}
			return e
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.RemainderStated) *fulfilmentv1.RemainderStated {
			m := &fulfilmentv1.RemainderStated{SubjectRef: e.SubjectRef, Policy: e.Policy, Forgotten: e.Forgotten}
			for _, p := range e.Parts {
				m.Parts = append(m.Parts, &fulfilmentv1.RemainderPart{
					System: p.System, Category: p.Category, Ground: p.Reason, Authority: p.Authority, Until: eventpb.Stamp(p.Until),
				})
			}
			return m
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RemainderStated) request.RemainderStated {
			e := request.RemainderStated{SubjectRef: m.GetSubjectRef(), Policy: m.GetPolicy(), Forgotten: m.GetForgotten()}
			for _, p := range m.GetParts() {
				e.Parts = append(e.Parts, request.Remainder{System: p.GetSystem(), Category: p.GetCategory(), Because: request.Because{
					Reason: p.GetGround(), Authority: p.GetAuthority(), Until: eventpb.Moment(p.GetUntil()),
				}})
			}
			return e
		}),
	}
}
