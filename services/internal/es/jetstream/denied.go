package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// denials tells a request that the server refuses its subject. The server
// reports that to the connection and not to the request, which would
// otherwise look as if nobody answered.
type denials struct {
	user    string
	mu      sync.Mutex
	waiting map[string]map[*waiter]struct{} // by subject
}

type waiter struct{ cancel context.CancelCauseFunc }

// watchDenials hears what the connection is told, and passes it on to whoever
// heard it before.
func watchDenials(nc *nats.Conn) *denials {
	d := &denials{user: nc.Opts.Name, waiting: map[string]map[*waiter]struct{}{}}
	before := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			d.report(err)
		}
		if before != nil {
			before(nc, sub, err)
		}
	})
	return d
}

// report ends the requests on the subject that a refusal names in quotes.
func (d *denials) report(err error) {
	_, rest, _ := strings.Cut(err.Error(), `"`)
	subject, _, _ := strings.Cut(rest, `"`)
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.waiting[subject] {
		w.cancel(fmt.Errorf("user %s, %s: %w", d.user, subject, es.ErrForbidden))
	}
}

// watch returns a context that ends when the server refuses the subject, with
// es.ErrForbidden as its cause. The caller calls done when it has its answer.
func (d *denials) watch(ctx context.Context, subject string) (watched context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &waiter{cancel: cancel}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[subject] == nil {
		d.waiting[subject] = map[*waiter]struct{}{}
	}
	d.waiting[subject][w] = struct{}{}
	return ctx, func() {
		cancel(nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.waiting[subject], w)
		if len(d.waiting[subject]) == 0 {
			delete(d.waiting, subject)
		}
	}
}

// denied is err, or that the server refused the subject.
func denied(ctx context.Context, err error) error {
	if cause := forbidden(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// forbidden is why a watched context ended, if that was a refusal.
func forbidden(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, es.ErrForbidden) {
		return cause
	}
	return nil
}

// pulling returns a context that ends when the server refuses to hand out what a
// consumer has.
func (c *conn) pulling(ctx context.Context, stream, consumer string) (watched context.Context, done func()) {
	return c.denials.watch(ctx, apiRoot+"CONSUMER.MSG.NEXT."+stream+"."+consumer)
}

// publish stores a message, or says that the server refuses its subject.
func (c *conn) publish(ctx context.Context, js jetstream.JetStream, m *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ctx, done := c.denials.watch(ctx, m.Subject)
	defer done()
	ack, err := js.PublishMsg(ctx, m, options...)
	return ack, denied(ctx, err)
}

// asking makes a request of the library's, whose subject is known, or says that
// the server refuses it.
func (c *conn) asking(ctx context.Context, subject string, ask func(context.Context) error) error {
	ctx, done := c.denials.watch(ctx, subject)
	defer done()
	return denied(ctx, ask(ctx))
}

// stream looks a stream up, or says that the server refuses that.
func (c *conn) stream(ctx context.Context, js jetstream.JetStream, name string) (s jetstream.Stream, err error) {
	err = c.asking(ctx, apiRoot+"STREAM.INFO."+name, func(ctx context.Context) error {
		s, err = js.Stream(ctx, name)
		return err
	})
	return s, err
}

// unavailable marks an error as one that another try may change, but for a
// refusal.
func unavailable(err error) error {
	if errors.Is(err, es.ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
}
