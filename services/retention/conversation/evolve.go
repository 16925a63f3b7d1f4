package conversation

import "slices"

// Evolve folds an event.
func Evolve(s Conversation, ev Event) Conversation {
	switch e := ev.(type) {
	case Started:
		s.Opened, s.Plan, s.Participants = true, e.Plan, e.Participants
	case Added:
		s.Participants = append(slices.Clone(s.Participants), e.Participants...)
	case Closed:
		if p, ok := s.Current(e.At); ok {
			s.Periods = changed(s.Periods, []uint32{p.Number}, func(p *Period) { p.Ends, p.KeepUntil = e.At, e.KeepUntil })
		}
		s.ClosedAt = e.At
	case PeriodBegun:
		s.Periods = append(slices.Clone(s.Periods), Period{Terms: e.Terms, Number: e.Number, Begins: e.Begins, Ends: e.Ends})
	case HandedOver:
		s.Periods = changed(s.Periods, []uint32{e.Period}, func(p *Period) { p.Digest, p.HandedOverAt = e.Digest, e.At })
	case Received:
		s.Periods = changed(s.Periods, []uint32{e.Period}, func(p *Period) { p.ReceiptedAt = e.At })
	case Deferred:
		s.Periods = changed(s.Periods, e.Periods, func(p *Period) { p.HeldFor = e.HeldFor })
	case Begun:
		s.Periods = changed(s.Periods, e.Periods, func(p *Period) { p.BegunAt, p.HeldFor = e.At, "" })
	case Ended:
		s.Periods = changed(s.Periods, e.Periods, func(p *Period) { p.DestroyedAt, p.ResidueEnds, p.HeldFor = e.At, e.ResidueEnds, "" })
	case Refused:
	}
	return s
}

// changed is a copy of periods in which those of some numbers are changed.
func changed(periods []Period, numbers []uint32, change func(*Period)) []Period {
	out := slices.Clone(periods)
	for _, n := range numbers {
		if n > 0 && uint64(n) <= uint64(len(out)) {
			change(&out[n-1])
		}
	}
	return out
}
