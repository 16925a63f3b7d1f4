package rpc

import (
	"context"
	"errors"
	"slices"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
)

// ApplySignal records what a browser has sent.
func (s *ConsentServer) ApplySignal(ctx context.Context, r *consentv1.ApplySignalRequest) (*consentv1.ApplySignalResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	now := s.log.Now()
	_, compiled, ok := rules.inForce(now)
	if !ok && !optsOut(r.GetSignals()) {
		return nil, ErrNotInForce
	}
	receive := person.Receive{Policy: r.GetPolicy(), ReceivedAt: r.GetReceivedAt().AsTime(), At: now}
	for _, signal := range r.GetSignals() {
		receive.Signals = append(receive.Signals, person.Received{
			Signal: wire.Signal(signal), Honoured: said(compiled, signal).Honoured,
		})
	}
	cmd, err := command[person.Command](r.GetRequestId(), r, now, receive)
	if err != nil {
		return nil, err
	}
	res, err := s.log.persons.Handle(ctx, personAggregate(ctx, r.GetSubjectRef()), cmd)
	if errors.Is(err, person.ErrInFuture) {
		return nil, inFuture("received_at")
	}
	if err != nil {
		return nil, err
	}
	out := &consentv1.ApplySignalResponse{ConsistencyToken: res.Token().Encode()}
	for i, ev := range res.Events { // a repeat is answered with what was said then
		if e, ok := ev.(person.SignalReceived); ok {
			signal := r.GetSignals()[i]
			out.Outcomes = append(out.Outcomes, &consentv1.SignalOutcome{
				Signal: signal, Honoured: e.Honoured, Clause: said(compiled, signal).Clause,
			})
		}
	}
	return out, nil
}

// optsOut reports whether all that is said is that somebody opts out. That is
// honoured by every version, and so by one that is still to come into force.
func optsOut(signals []consentv1.Signal) bool {
	return !slices.ContainsFunc(signals, func(s consentv1.Signal) bool { return s != consentv1.Signal_SIGNAL_OPT_OUT })
}

// said is what a version says to a signal. One that it doesn't name is
// honoured: in doubt for the person.
func said(c compile.Compiled, s consentv1.Signal) compile.Signal {
	name := map[consentv1.Signal]string{consentv1.Signal_SIGNAL_GPC: "gpc", consentv1.Signal_SIGNAL_DNT: "dnt"}[s]
	if got, ok := c.Signals[name]; ok && name != "" {
		return got
	}
	return compile.Signal{Honoured: true}
}
