package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

func listen(ctx context.Context, address string) (net.Listener, error) {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return lis, nil
}

func (k *Kit) startOps(ctx context.Context) error {
	lis, err := listen(ctx, k.cfg.Common.Ops.Listen)
	if err != nil {
		return err
	}
	k.ops, k.OpsAddr = lis, lis.Addr().String()
	return nil
}

// opsPart answers the platform: liveness, readiness, metrics.
func (k *Kit) opsPart() Part {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", k.Health.Live)
	mux.HandleFunc("GET /readyz", k.Health.Ready)
	mux.Handle("GET /metrics", k.Telemetry.Metrics)
	server := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		// The server's own complaints name the addresses of clients.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	return ServeHTTP("ops", server, k.ops)
}

// ServeHTTP makes a part of an HTTP server.
func ServeHTTP(name string, server *http.Server, lis net.Listener) Part {
	return Part{
		Name: name,
		Run: func(context.Context) error {
			if err := server.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve HTTP: %w", err)
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			if err := server.Shutdown(ctx); err != nil {
				return errors.Join(fmt.Errorf("stop HTTP: %w", err), server.Close())
			}
			return nil
		},
	}
}
