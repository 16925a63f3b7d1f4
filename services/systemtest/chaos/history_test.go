package chaos_test

import (
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"

	"github.com/anishathalye/porcupine"
)

// asked is what a client wanted of a counter, told is what it heard.
type asked struct{ command estest.CounterCommand }

type told struct {
	state   estest.Counter
	refused bool
	acted   bool // the command made an event
	unknown bool // it may have been carried out, or yet be
}

// history is what the clients of many counters asked and heard, and when.
type history struct {
	mu    sync.Mutex
	start time.Time
	calls map[string][]porcupine.Operation // by counter
	// unavailable counts the questions that were not answered: that is no
	// wrong answer, and has no effect.
	unavailable int
}

func newHistory() *history {
	return &history{start: time.Now(), calls: map[string][]porcupine.Operation{}}
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

// note files one finished call. It returns an error for an answer that no
// client should ever get.
func (h *history) note(client int, agg es.Aggregate, cmd estest.CounterCommand, called int64, res es.Result[estest.Counter, estest.CounterEvent], err error) error {
	op := porcupine.Operation{ClientId: client, Input: asked{cmd}, Call: called, Return: h.now()}
	answer := told{state: res.State, acted: len(res.Events) > 0}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case errors.Is(err, estest.ErrCounterClosed):
		answer.refused = true
	case errors.Is(err, es.ErrUnknownOutcome):
		answer, op.Return = told{unknown: true}, math.MaxInt64
	case errors.Is(err, es.ErrUnavailable), errors.Is(err, es.ErrContended):
		h.unavailable++
		return nil
	case err != nil:
		return err
	}
	op.Output = answer
	h.calls[agg.ID] = append(h.calls[agg.ID], op)
	return nil
}

// counterModel is the counter as one would expect it, one command after the
// other.
func counterModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return estest.Counter{} },
		Step: func(state, input, output any) (bool, any) {
			s, _ := state.(estest.Counter)
			in, _ := input.(asked)
			out, _ := output.(told)
			events, err := estest.DecideCounter(s, in.command)
			next := s
			for _, e := range events {
				next = estest.EvolveCounter(next, e)
			}
			if out.unknown {
				return true, next
			}
			return out.refused == (err != nil) && out.acted == (len(events) > 0) && out.state == next, next
		},
	}
}

// judge holds every counter's history against the model: there must be an
// order of its calls, true to real time, in which each answer is right.
func (h *history) judge(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := 0
	for counter, ops := range h.calls {
		calls += len(ops)
		h.staleAnswers(t, counter, ops)
		switch porcupine.CheckOperationsTimeout(counterModel(), ops, 20*time.Second) {
		case porcupine.Ok:
		case porcupine.Illegal:
			t.Errorf("the answers on counter %s fit no order of its %d calls", counter, len(ops))
		case porcupine.Unknown:
			t.Errorf("the %d calls on counter %s are too many to judge", len(ops), counter)
		}
	}
	t.Logf("%d answers on %d counters judged, %d questions not answered", calls, len(h.calls), h.unavailable)
}

// staleAnswers names what the model would only call impossible: an answer
// that does not know of a close which was acknowledged before the question.
func (h *history) staleAnswers(t *testing.T, counter string, ops []porcupine.Operation) {
	t.Helper()
	closed := int64(math.MaxInt64)
	for _, op := range ops {
		in, _ := op.Input.(asked)
		out, _ := op.Output.(told)
		if _, ok := in.command.(estest.Close); ok && !out.unknown {
			closed = min(closed, op.Return)
		}
	}
	for _, op := range ops {
		if out, _ := op.Output.(told); op.Call > closed && !out.unknown && !out.state.Closed {
			t.Errorf("counter %s: client %d was told %s after its close was acknowledged that it is open",
				counter, op.ClientId, time.Duration(op.Call-closed))
		}
	}
}
