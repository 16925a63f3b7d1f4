package consents

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// First arguments with which this program starts itself as a server; the second is
// the server's folder.
const (
	// ServeCommand is consent, configured by its environment.
	ServeCommand = "serve-consent"
	// UnobservedCommand is the same without traces and metrics.
	UnobservedCommand = "serve-consent-unobserved"
	// EchoCommand is a bare gRPC server.
	EchoCommand = "serve-echo"
)

const (
	// heapFile says how many bytes of heap a consent uses, once it was asked.
	heapFile = "heap"
	// answerFile is what the echo answers.
	answerFile = "answer"
)

// Serve is the other side of a replica: consent until ctx ends.
func Serve(ctx context.Context, dir string) error { return serve(ctx, dir, false) }

// ServeUnobserved is Serve without traces and metrics.
func ServeUnobserved(ctx context.Context, dir string) error { return serve(ctx, dir, true) }

func serve(ctx context.Context, dir string, unobserved bool) error {
	var cfg consentd.Config
	if err := env.Load(os.Environ(), &cfg); err != nil {
		return fmt.Errorf("configure consent: %w", err)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			_ = tellHeap(filepath.Join(dir, heapFile)) // who asked waits for the file, and says that it did not come
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := consentd.Run(ctx, cfg, daemon.World{Out: os.Stderr, Unobserved: unobserved, Started: func(r daemon.Running) {
		if err := servers.Announce(dir, r.Addr.String()); err != nil {
			cancel(err)
		}
	}})
	if err != nil {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// tellHeap writes how many bytes are in use once all that is garbage is gone.
func tellHeap(path string) error {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return servers.WriteWhole(path, strconv.FormatUint(m.HeapAlloc, 10))
}

// echo answers every question alike.
type echo struct {
	consentv1.UnimplementedConsentServiceServer
	answer *consentv1.CheckResponse
}

// Check answers.
func (e *echo) Check(context.Context, *consentv1.CheckRequest) (*consentv1.CheckResponse, error) {
	return e.answer, nil
}

// ServeEcho serves Check with nothing of ours around it: no TLS, no token, nothing
// looked up.
func ServeEcho(ctx context.Context, dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, answerFile))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	e := &echo{answer: &consentv1.CheckResponse{}}
	if err := proto.Unmarshal(b, e.answer); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := grpc.NewServer()
	consentv1.RegisterConsentServiceServer(server, e)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := servers.Announce(dir, lis.Addr().String()); err != nil {
		return err
	}
	return server.Serve(lis)
}
