package carry

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
)

// mostTold bounds the e-mail addresses by which a person is told of a request.
const mostTold = 16

// mostPhones bounds those of them that are telephones.
const mostPhones = 4

// giveUp ends the request, because no better proof of who asks has come.
func (j *journey) giveUp(ctx context.Context) error {
	return j.note(ctx, request.StepGiveUp, request.GiveUp{At: j.cfg.Now()})
}

// more tells whoever has proven who they are that it was too little, and what would
// do.
func (j *journey) more(ctx context.Context) error {
	address, err := j.channel(ctx)
	if err != nil {
		return err
	}
	return j.owe(ctx, request.TemplateMore, address)
}

// delay holds the request and tells all channels by which the person is known,
// one after the other: also those that whoever asks does not hold. Which these are is
// fixed when the hold begins: a channel that has gone since is passed over, and moves
// no other.
func (j *journey) delay(ctx context.Context) error {
	channels, phones, unreached, err := j.channels(ctx)
	if err != nil {
		return err
	}
	if j.s.DelayUntil.IsZero() {
		code, err := es.NewID(j.cfg.Random)
		if err != nil {
			return err
		}
		return j.note(ctx, request.StepDelay, request.BeginDelay{
			Code: personal.Clear(code), Channels: uint32(len(channels)), Unreached: unreached, At: j.cfg.Now(), //nolint:gosec // at most mostTold
			Phones: phones, Addresses: personal.Clear(strings.Join(channels, "\n")),
		})
	}
	i, untold := j.s.Untold()
	if !untold {
		return request.ErrOutOfStep
	}
	fixed, err := eventpb.Open(ctx, j.cfg.Opener, purpose, j.agg, j.s.DelayAddresses)
	if err != nil && !errors.Is(err, seal.ErrErased) {
		return fmt.Errorf("open addresses: %w", err)
	}
	address := personal.Text{}
	lines := channels // a hold that began before they were kept
	if fixed != "" {
		lines = strings.Split(fixed, "\n")
	}
	if int(i) < len(lines) && slices.Contains(channels, lines[i]) {
		address = personal.Clear(lines[i])
	}
	return j.owe(ctx, request.DelayedTo(i), address)
}

// channels are the addresses by which identity knows the person, telephone numbers
// last, how many those are, and the kinds of the channels that nobody can be told
// by: telephone numbers where no text messages are sent, and what goes beyond the
// most that are told.
func (j *journey) channels(ctx context.Context) (out []string, phones uint32, unreached []string, err error) {
	if j.s.Method == request.MethodSystem { // nobody may cancel it, and who is concerned has been told
		return nil, 0, nil, nil
	}
	people, err := j.identifiers(ctx)
	if errors.Is(err, failForgotten) {
		people, err = []connector.Identifier{}, nil
	}
	if err != nil {
		return nil, 0, nil, err
	}
	var numbers []string
	for _, p := range people {
		switch {
		case p.Kind == "email" && len(out) < mostTold:
			out = append(out, p.Value)
		case p.Kind == "phone" && j.cfg.Phones && len(numbers) < mostPhones:
			numbers = append(numbers, p.Value)
		case p.Kind == "email", p.Kind == "phone":
			unreached = append(unreached, p.Kind)
		}
	}
	return append(out, numbers...), uint32(len(numbers)), unreached, nil //nolint:gosec // at most mostPhones
}

// Cancels reports whether a code, as it was typed, is the one that cancels a
// request. Where none was sent, or its key is destroyed, none is.
func (c *Carrier) Cancels(ctx context.Context, agg es.Aggregate, s request.Request, typed string) (bool, error) {
	if s.DelayUntil.IsZero() || s.KeyDestroyed {
		return false, nil
	}
	code, err := eventpb.Open(ctx, c.cfg.Opener, purpose, agg, s.DelayCode)
	if errors.Is(err, seal.ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open code: %w", err)
	}
	typed = strings.ToLower(strings.TrimSpace(typed))
	return code != "" && subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1, nil
}

// cancelling is the code that a message tells, if it is one that tells it.
func (c *Carrier) cancelling(ctx context.Context, tenant string, n notice.Notice, s request.Request) (string, error) {
	if template, _, _ := strings.Cut(n.Template, "."); template != request.TemplateDelayed {
		return "", nil
	}
	code, err := eventpb.Open(ctx, c.cfg.Opener, purpose, RequestOf(tenant, n.Request), s.DelayCode)
	if err != nil {
		return "", fmt.Errorf("open code: %w", err)
	}
	return code, nil
}
