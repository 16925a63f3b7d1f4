package holdersystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errSilent ends a stream on which nothing came for too long.
var errSilent = errors.New("the service is silent")

// errUnknown is a failure that the service does not explain.
var errUnknown = errors.New("the service failed")

// refused is the caller's own error: it did not want the commit.
type refused struct{ error }

// Unwrap is the caller's error.
func (r refused) Unwrap() error { return r.error }

func ended(err error) bool { return errors.Is(err, io.EOF) }

// watched ends a stream that is silent for too long. awake says that it is not.
func (s *System) watched(ctx context.Context) (_ context.Context, awake, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.idle, func() { cancel(errSilent) })
	return ctx, func() { timer.Reset(s.idle) }, func() { timer.Stop(); cancel(nil) }
}

// cause is why a stream ended: the silence, if that was it.
func cause(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return connector.ErrUnreachable
	}
	return err
}

// failed makes an error without a word of the service's own.
func failed(doing string, err error) error {
	var known connector.Error
	if errors.As(err, &known) {
		return fmt.Errorf("holder: %s: %w", doing, known)
	}
	return fmt.Errorf("holder: %s (%s): %w", doing, status.Code(err), reason(err))
}

func reason(err error) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return connector.ErrUnreachable
	case codes.Unauthenticated, codes.PermissionDenied:
		return connector.ErrDenied
	case codes.OutOfRange:
		return connector.ErrMoved
	case codes.FailedPrecondition:
		return connector.ErrConstraint
	case codes.Aborted:
		return connector.ErrBusy
	case codes.ResourceExhausted:
		return connector.ErrTooLarge
	case codes.InvalidArgument, codes.Unimplemented, codes.DataLoss:
		return connector.ErrMismatch
	case codes.Canceled:
		return context.Canceled
	}
	return errUnknown
}
