package otp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/smssend"
)

// lately is for how long a number must have been with its SIM at least, whatever a
// tenant says of channels.
const lately = 7 * 24 * time.Hour

const shortText = `%s: your code is %s. Somebody, perhaps you, has asked about personal data in your name. ` +
	`It can be used once, until %s. If it was not you, do nothing, and tell it to nobody. %s`

// text sends a code to a telephone. The gateway is told since when the number must
// have been unchanged, and keeps the code if it knows that it was not.
func (d Delivery) text(ctx context.Context, r es.Recorded, s verification.Verification) error {
	to, err := d.letter(ctx, r.Aggregate, s)
	if errors.Is(err, errGone) {
		_, err = d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonNoChannel})
		return err
	}
	if err != nil {
		return err
	}
	t, err := d.Tenant(ctx, r.Aggregate.Tenant)
	if err != nil {
		return fmt.Errorf("read safeguards: %w", err)
	}
	age := max(t.Safeguards.InForce().ChannelAge, lately)
	_, err = d.Texts.Send(ctx, smssend.Text{
		ID: r.Aggregate.ID, To: to.address, Text: fmt.Sprintf(shortText, to.name, to.code, to.until, to.contact), Unchanged: d.Desk.Now().Add(-age),
	})
	var failure smssend.Failure
	switch {
	case err == nil:
		_, err = d.record(ctx, r, "deliver", verification.Deliver{})
		return err
	case !errors.As(err, &failure) || !failure.Final:
		return fmt.Errorf("send code: %w", err)
	case failure.Code == smssend.ReasonChanged:
		_, err = d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonMoved})
		return err
	}
	_, err = d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonTextRefused})
	return err
}
