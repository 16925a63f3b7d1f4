package sqlsystem

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"habeas.internal/services/fulfilment/internal/connector"
)

// errUnknown is a failure that no driver explains.
var errUnknown = errors.New("the database failed")

// failed makes an error without a word of the database's own: what was being
// done, a code that is public, and the reason.
func failed(doing string, reason error, code string) error {
	if reason == nil {
		reason = errUnknown
	}
	if code != "" {
		return fmt.Errorf("sql: %s (%s): %w", doing, code, reason)
	}
	return fmt.Errorf("sql: %s: %w", doing, reason)
}

// refused is the caller's own error: it did not want the commit.
type refused struct{ error }

// Unwrap is the caller's error.
func (r refused) Unwrap() error { return r.error }

// failed translates an error of the driver; those that are translated already
// pass, and the caller's own.
func (s *System) failed(ctx context.Context, doing string, err error) error {
	var known connector.Error
	var own refused
	switch {
	case errors.As(err, &known), errors.As(err, &own):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", failed(doing, connector.ErrUnreachable, ""), ctx.Err())
	case ctx.Err() != nil:
		return failed(doing, ctx.Err(), "")
	}
	if code, reason := s.dialect.classify(err); reason != nil || code != "" {
		return failed(doing, reason, code)
	}
	var network net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, sql.ErrConnDone) || errors.As(err, &network) {
		return failed(doing, connector.ErrUnreachable, "")
	}
	return failed(doing, nil, "")
}
