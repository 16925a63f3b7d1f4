package otp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/verification"
)

// Kinds of identifiers that a code can be sent to.
const (
	kindEmail = "email"
	kindPhone = "phone"
)

// channel is where a code goes: an identifier by its number, or why to none.
type channel struct {
	number    uint32
	settled   bool // they have held it for long
	telephone bool
	why       string
}

// channel is the subject's first e-mail address or, where they have none, the first
// telephone number that they have held for long: a number that was added lately may
// be anybody's, and proves nothing.
func (d Delivery) channel(ctx context.Context, tenant, ref string) (channel, error) {
	none := channel{why: verification.ReasonNoChannel}
	if ref == "" {
		return none, nil
	}
	t, err := d.Tenant(ctx, tenant)
	if err != nil {
		return none, fmt.Errorf("read safeguards: %w", err)
	}
	s, err := d.Registry.Load(ctx, tenant, ref)
	if errors.Is(err, subject.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("load subject: %w", err)
	}
	age, now := t.Safeguards.InForce().ChannelAge, d.Desk.Now()
	for _, i := range s.Held {
		if i.Kind == kindEmail && d.Mail != nil {
			return channel{number: i.Number, settled: s.Settled(i.Number, age, now)}, nil
		}
	}
	for _, i := range s.Held {
		if i.Kind != kindPhone || d.Texts == nil {
			continue
		}
		if s.Settled(i.Number, age, now) {
			return channel{number: i.Number, settled: true, telephone: true}, nil
		}
		none.why = verification.ReasonYoung
	}
	return none, nil
}

// BetterFrom is from when another code would prove more than a verification did; zero
// if none ever would. One by text message never does.
func (d Delivery) BetterFrom(ctx context.Context, tenant string, v verification.Verification) (time.Time, error) {
	if v.Subject == "" || v.Level >= verification.LevelSettled || d.Mail == nil {
		return time.Time{}, nil
	}
	t, err := d.Tenant(ctx, tenant)
	if err != nil {
		return time.Time{}, fmt.Errorf("read safeguards: %w", err)
	}
	s, err := d.Registry.Load(ctx, tenant, v.Subject)
	if errors.Is(err, subject.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("load subject: %w", err)
	}
	i := slices.IndexFunc(s.Held, func(i subject.Identifier) bool { return i.Kind == kindEmail })
	if i < 0 {
		return time.Time{}, nil
	}
	return s.SettledAt(s.Held[i].Number, t.Safeguards.InForce().ChannelAge), nil
}
