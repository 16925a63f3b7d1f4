// Package otp runs verifications by one-time code.
//
// A code is eight random digits. It is in the log only sealed, under the
// evidence key of the request that waits: a keyed digest would do to compare
// it, but not to send it, and the mail has to be sendable after a crash between
// the event and the mail. Whoever holds the log alone learns nothing of it, and
// with the request's evidence it is destroyed. A verification has one code:
// however often the mail is sent, it is the same.
//
// Starting does not look whether the subject is known. That, finding the
// address, and sending are the work of a process that reads the event later, so
// that neither the answer nor its time tells anything.
package otp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
)

// Context is the context that verifications live in.
const Context = "identity"

// Verifications runs the commands of verifications.
type Verifications = es.Handler[verification.Verification, verification.Command, verification.Event]

// Command is one of a verification's.
type Command = es.Command[verification.Command]

// Result is what became of a command.
type Result = es.Result[verification.Verification, verification.Event]

// Desk starts and checks verifications. Its fields are all required.
type Desk struct {
	Verifications Verifications
	Opener        eventpb.Opener
	Random        io.Reader
	Now           func() time.Time
}

// Aggregate is that of a verification.
func Aggregate(tenant, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: verification.AggregateType, ID: id}
}

const (
	digits        = 8
	codes         = 100_000_000 // of that many digits
	purposeVerify = "verification"
)

func (d *Desk) code() (personal.Text, error) {
	n, err := rand.Int(d.Random, big.NewInt(codes))
	if err != nil {
		return personal.Text{}, fmt.Errorf("draw code: %w", err)
	}
	return personal.Clear(fmt.Sprintf("%0*d", digits, n.Int64())), nil
}

// Start opens a verification; a repeat returns the first one's id.
func (d *Desk) Start(ctx context.Context, tenant string, cmd Command, request, subjectRef string) (id string, res Result, err error) {
	code, err := d.code()
	if err != nil {
		return "", res, err
	}
	nonce, err := es.NewID(d.Random)
	if err != nil {
		return "", res, fmt.Errorf("draw nonce: %w", err)
	}
	id = es.DeriveID(tenant, identityv1.VerificationService_StartVerification_FullMethodName, cmd.ID)
	cmd.Data = verification.Start{Request: request, Subject: subjectRef, Code: code, Nonce: nonce, At: cmd.At}
	res, err = d.Verifications.Handle(ctx, Aggregate(tenant, id), cmd)
	return id, res, err
}

// Vouch passes a verification without a code: the system itself has asked.
func (d *Desk) Vouch(ctx context.Context, tenant, id string) (Result, error) {
	now := d.Now()
	res, err := d.Verifications.Handle(ctx, Aggregate(tenant, id), Command{
		ID: es.DeriveID(tenant, "vouch", id), At: now, Data: verification.Vouch{At: now},
	})
	res.State.ExpiresAt = now // nobody has to be waited for
	return res, err
}

// Load returns a verification as it is now.
func (d *Desk) Load(ctx context.Context, tenant, id string) (verification.Verification, error) {
	s, _, err := d.Verifications.Load(ctx, Aggregate(tenant, id), es.Leader)
	if err == nil && s.Phase == verification.None {
		err = verification.ErrNotFound
	}
	return s, err
}

// Check takes one attempt.
func (d *Desk) Check(ctx context.Context, tenant, id string, cmd Command, typed string) (Result, error) {
	s, err := d.Load(ctx, tenant, id)
	if err != nil {
		return Result{}, err
	}
	right, err := d.right(ctx, tenant, id, s, typed)
	if err != nil {
		return Result{}, err
	}
	link := !right && linked(s, typed)
	cmd.Data = verification.Check{Right: right || link, Link: link, At: cmd.At}
	return d.Verifications.Handle(ctx, Aggregate(tenant, id), cmd)
}

// right compares in constant time. A code whose key is destroyed is nobody's.
func (d *Desk) right(ctx context.Context, tenant, id string, s verification.Verification, typed string) (bool, error) {
	code, err := eventpb.Open(ctx, d.Opener, purposeVerify, Aggregate(tenant, id), s.Code)
	if errors.Is(err, seal.ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open code: %w", err)
	}
	typed = strings.NewReplacer(" ", "", "-", "", "\t", "").Replace(typed)
	return len(code) == digits && subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1, nil
}
