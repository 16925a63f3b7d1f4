package jetstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// Access is how a service reaches the log's servers.
type Access struct {
	URL    string // servers, comma separated
	User   string // the service's user: names the connection and its inbox
	Seed   string // file with the user's nkey seed
	TLS    *tls.Config
	Logger *slog.Logger
}

const (
	pingEvery = time.Second
	pingsOpen = 2
)

// Connect connects a service's user. It reconnects for ever, and to another
// server when this one falls silent; what the server refuses is logged by the
// subject's permission, because to the caller it looks like silence.
func Connect(a Access) (*nats.Conn, error) {
	key, err := nats.NkeyOptionFromSeed(a.Seed)
	if err != nil {
		return nil, fmt.Errorf("read nkey seed of %s: %w", a.User, err)
	}
	options := []nats.Option{
		key, nats.Name(a.User), nats.CustomInboxPrefix(InboxPrefix(a.User)), nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		// A server that is frozen keeps its connections open: who is silent for
		// three seconds is left for another one.
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOpen),
		// A publish that waits for a connection may arrive after its caller
		// gave up; without a buffer it fails at once.
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { a.report(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				a.Logger.Warn("log connection lost", slog.String("error", err.Error()))
			}
		}),
	}
	if a.TLS != nil {
		options = append(options, nats.Secure(a.TLS))
	}
	nc, err := nats.Connect(a.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect %s to the log: %w", a.User, err)
	}
	return nc, nil
}

func (a Access) report(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		a.Logger.Error("log server refused what this user may not do", slog.String("error", err.Error()))
		return
	}
	a.Logger.Warn("log connection error", slog.String("error", err.Error()))
}
