package health_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"habeas.internal/services/internal/daemon/health"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/testwait"
)

// probe is a check that answers as the test last said.
type probe struct {
	mu  sync.Mutex
	err error
}

func (p *probe) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *probe) ask(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T, checks ...health.Check) (*health.Health, *lines, *telemetry.Telemetry) {
	t.Helper()
	tel, err := telemetry.New(t.Context(), telemetry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	h, err := health.New(health.Config{
		Every: 2 * time.Millisecond, Timeout: 20 * time.Millisecond,
		Log: logs.New(logs.Config{Out: said}).Logger, Meters: tel.Meters,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantReady(t, h, `{"not_ready":{"daemon":"STARTING"}}`)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx, checks) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h, said, tel
}

// wantReady waits until readiness is as wanted, over HTTP and gRPC alike.
func wantReady(t *testing.T, h *health.Health, want string) {
	t.Helper()
	code, serving := 503, healthpb.HealthCheckResponse_NOT_SERVING
	if want == ready {
		code, serving = 200, healthpb.HealthCheckResponse_SERVING
	}
	testwait.For(t, 5*time.Second, func() error {
		w := httptest.NewRecorder()
		h.Ready(w, nil)
		if got := strings.TrimSpace(w.Body.String()); got != want || w.Code != code {
			return fmt.Errorf("got %d %s, want %s", w.Code, got, want)
		}
		answer, err := h.GRPC().Check(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil || answer.GetStatus() != serving {
			return fmt.Errorf("gRPC says %s, %w", answer.GetStatus(), err)
		}
		return nil
	})
}

const ready = `{"not_ready":{}}`

func TestADaemonIsReadyWhileAllChecksHold(t *testing.T) {
	var log, store probe
	log.set(health.NotReady("LOG_AWAY", errors.New("no leader")))
	h, said, tel := start(t, health.Check{Name: "log", Probe: log.ask}, health.Check{Name: "store", Probe: store.ask})
	wantReady(t, h, `{"not_ready":{"log":"LOG_AWAY"}}`)
	log.set(nil)
	wantReady(t, h, ready)
	store.set(errors.New("refused"))
	wantReady(t, h, `{"not_ready":{"store":"FAILED"}}`)
	store.set(context.DeadlineExceeded)
	wantReady(t, h, `{"not_ready":{"store":"TIMEOUT"}}`)
	w := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`habeas_ready{check="store"} 0`, `habeas_ready{check="log"} 1`, `habeas_ready{check="daemon"} 1`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	if text := said.String(); strings.Count(text, "check fails") != 3 || !strings.Contains(text, "no leader") {
		t.Errorf("want each change logged once:\n%s", text)
	}
}

func TestACheckThatHangsDoesNotKeepTheDaemonReady(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	first := true
	h, _, _ := start(t, health.Check{Name: "log", Probe: func(context.Context) error {
		if first {
			first = false
			return nil
		}
		<-hang
		return nil
	}})
	wantReady(t, h, ready)
	wantReady(t, h, `{"not_ready":{"log":"TIMEOUT"}}`)
}

func TestAStoppingDaemonIsNeverReadyAgain(t *testing.T) {
	var p probe
	h, _, _ := start(t, health.Check{Name: "log", Probe: p.ask})
	wantReady(t, h, ready)
	h.Stop("SHUTTING_DOWN")
	wantReady(t, h, `{"not_ready":{"daemon":"SHUTTING_DOWN"}}`)
	p.set(errors.New("x"))
	wantReady(t, h, `{"not_ready":{"daemon":"SHUTTING_DOWN","log":"FAILED"}}`)
	p.set(nil)
	wantReady(t, h, `{"not_ready":{"daemon":"SHUTTING_DOWN"}}`)
}

func TestALivingDaemonSaysSo(t *testing.T) {
	h, _, _ := start(t)
	w := httptest.NewRecorder()
	h.Live(w, nil)
	if w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}
