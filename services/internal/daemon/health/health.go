// Package health says whether a daemon is alive and whether it is ready: over
// HTTP for the platform, over grpc.health.v1 for clients, and as a metric.
//
// Named checks are asked in the background, once per interval, so that whoever
// asks for readiness cannot make it expensive. A daemon is not ready before
// every check has answered, while one fails or hangs, and from the moment it
// begins to stop.
// What the world gets to see of a failure is a reason code; its text is logged,
// once when it begins.
package health

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Check is one condition of being ready.
type Check struct {
	// Name names it in answers, logs and metrics.
	Name string
	// Probe returns nil when the condition holds. It must end with its
	// context. An error made by NotReady carries its own reason.
	Probe func(context.Context) error
}

// Reasons that do not come from a check.
const (
	// Starting: the checks have not been asked yet.
	Starting = "STARTING"
	// Failed: a check failed without saying why in a code.
	Failed = "FAILED"
	// Timeout: a check did not answer in time.
	Timeout = "TIMEOUT"
)

// reasoned is a failure with a reason code.
type reasoned struct {
	reason string
	err    error
}

func (r *reasoned) Error() string { return r.reason + ": " + r.err.Error() }
func (r *reasoned) Unwrap() error { return r.err }

// NotReady gives a failed check its reason, in upper snake case.
func NotReady(reason string, err error) error { return &reasoned{reason, err} }

// Config says how often to ask.
type Config struct {
	// Every is the time between two rounds; zero means 1 s.
	Every time.Duration
	// Timeout bounds one check; zero means 2 s.
	Timeout time.Duration
	// Log is told when a check begins or ceases to fail.
	Log *slog.Logger
	// Meters carries habeas.ready, by check.
	Meters metric.MeterProvider
}

// Health knows how the daemon is. It is safe for concurrent use.
type Health struct {
	cfg  Config
	grpc *grpchealth.Server

	mu     sync.Mutex
	states map[string]state
}

// state is a check's last answer. A good answer goes stale: a check that hangs
// must not keep the daemon ready.
type state struct {
	reason string // empty: it holds
	until  time.Time
}

// self is the name under which the daemon's own states appear.
const self = "daemon"

// New makes a Health that is not ready yet.
func New(cfg Config) (*Health, error) {
	cfg.Every = cmp.Or(cfg.Every, time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	h := &Health{cfg: cfg, grpc: grpchealth.NewServer(), states: map[string]state{self: {reason: Starting}}}
	h.grpc.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	_, err := cfg.Meters.Meter("habeas.internal/services/internal/daemon/health").Int64ObservableGauge(
		"habeas.ready", metric.WithDescription("1 if the check holds, 0 if it fails; the daemon itself is one of them."),
		metric.WithInt64Callback(h.observe))
	if err != nil {
		return nil, fmt.Errorf("make health metric: %w", err)
	}
	return h, nil
}

// GRPC answers grpc.health.v1 for the server as a whole.
func (h *Health) GRPC() healthpb.HealthServer { return h.grpc }

// Run asks the checks until ctx ends.
func (h *Health) Run(ctx context.Context, checks []Check) error {
	for _, c := range checks {
		h.set(c.Name, state{reason: Starting})
	}
	h.begin()
	for _, c := range checks {
		go h.ask(ctx, c) // not waited for: one that hangs must not hold up the end
	}
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	for {
		h.publish()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Stop makes the daemon not ready for good, with a reason.
func (h *Health) Stop(reason string) {
	h.set(self, state{reason: reason})
	h.grpc.Shutdown()
}

// Reasons returns why the daemon is not ready, by check; empty if it is.
func (h *Health) Reasons() map[string]string {
	reasons := map[string]string{}
	for name, reason := range h.all() {
		if reason != "" {
			reasons[name] = reason
		}
	}
	return reasons
}

// all returns the present reason of every check, empty where it holds.
func (h *Health) all() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, reasons := time.Now(), map[string]string{}
	for name, s := range h.states {
		reasons[name] = s.reason
		if s.reason == "" && !s.until.IsZero() && now.After(s.until) {
			reasons[name] = Timeout
		}
	}
	return reasons
}

// begin ends the state of starting, unless the daemon stops already.
func (h *Health) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.states[self].reason == Starting {
		h.states[self] = state{}
	}
}

func (h *Health) set(name string, s state) (before state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.states[name] = h.states[name], s
	return before
}

// ask asks one check again and again.
func (h *Health) ask(ctx context.Context, c Check) {
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	for {
		err := h.probe(ctx, c)
		if ctx.Err() != nil {
			return
		}
		h.note(ctx, c.Name, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Health) probe(ctx context.Context, c Check) error {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	return c.Probe(ctx)
}

// note keeps one answer, publishes it, and logs a change.
func (h *Health) note(ctx context.Context, name string, err error) {
	now := state{reason: reasonOf(err), until: time.Now().Add(2*h.cfg.Every + h.cfg.Timeout)}
	before := h.set(name, now)
	h.publish()
	switch now.reason {
	case before.reason:
	case "":
		h.cfg.Log.InfoContext(ctx, "check holds", slog.String("check", name))
	default:
		h.cfg.Log.WarnContext(ctx, "check fails",
			slog.String("check", name), slog.String("reason", now.reason), slog.Any("error", err))
	}
}

func (h *Health) publish() {
	status := healthpb.HealthCheckResponse_SERVING
	if len(h.Reasons()) > 0 {
		status = healthpb.HealthCheckResponse_NOT_SERVING
	}
	h.grpc.SetServingStatus("", status) // has no effect after Stop
}

func reasonOf(err error) string {
	var r *reasoned
	switch {
	case err == nil:
		return ""
	case errors.As(err, &r):
		return r.reason
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	default:
		return Failed
	}
}

func (h *Health) observe(_ context.Context, o metric.Int64Observer) error {
	for name, reason := range h.all() {
		holds := int64(1)
		if reason != "" {
			holds = 0
		}
		o.Observe(holds, metric.WithAttributes(attribute.String("check", name)))
	}
	return nil
}

// Live answers that the process runs: always 200.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{})
}

// Ready answers 200 when the daemon is ready, and else 503 with the reasons by
// check.
func (h *Health) Ready(w http.ResponseWriter, _ *http.Request) {
	reasons, code := h.Reasons(), http.StatusOK
	if len(reasons) > 0 {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, reasons)
}

func answer(w http.ResponseWriter, code int, reasons map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// Whoever asked has hung up if this fails; nobody is left to be told.
	_ = json.NewEncoder(w).Encode(map[string]map[string]string{"not_ready": reasons})
}
