package rpc_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

// BenchmarkGuard is the guard alone: no transport, no tracing. What it costs
// here is what each call pays besides gRPC.
func BenchmarkGuard(b *testing.B) {
	w := newWorld(b, nil)
	handle := rpc.Guarded(w.server, &samplev1.BookService_ServiceDesc, "Sign")
	wire, err := proto.Marshal(goodSign())
	if err != nil {
		b.Fatal(err)
	}
	token := w.Issuer.Sign(rpctest.With(rpctest.Claims(time.Now(), "product"), "exp", time.Now().Add(time.Hour).Unix()))
	ctx, cancel := context.WithTimeout(rpc.ConnectedAs(b.Context(), "consentd"), time.Hour)
	defer cancel()
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(
		":authority", "x", "content-type", "application/grpc", "user-agent", "grpc-go", "traceparent", "00-0", "authorization", "Bearer "+token))
	receive := rpc.Fill(wire)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := handle(w.book, ctx, receive, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall compares whole calls over loopback: bare gRPC without TLS, and
// the guarded server with TLS, token, validation, metrics and 1 % of traces.
// Run both together; only their ratio means anything.
func BenchmarkCall(b *testing.B) {
	b.Run("bare", func(b *testing.B) { calls(b, bare(b), with(b)) })
	b.Run("guarded", func(b *testing.B) {
		w := quiet(b, 0.01)
		calls(b, w.client(b, ""), w.longLived(b))
	})
	b.Run("guarded without telemetry", func(b *testing.B) {
		w := newWorld(b, func(c *rpc.Config) {
			off := telemetry.Off()
			c.Tracers, c.Meters, c.Propagator = off.Tracers, off.Meters, off.Propagator
		})
		calls(b, w.client(b, ""), w.longLived(b))
	})
}

func (w *world) longLived(b *testing.B) context.Context {
	b.Helper()
	c := rpctest.With(rpctest.Claims(time.Now(), "product"), "exp", time.Now().Add(time.Hour).Unix())
	return with(b, "authorization", "Bearer "+w.Issuer.Sign(c))
}

func quiet(b *testing.B, ratio float64) *world {
	b.Helper()
	tel, err := telemetry.New(b.Context(), telemetry.Config{
		Service: "bookd", File: b.TempDir() + "/spans", Ratio: ratio, Report: func(_ context.Context, err error) { b.Error(err) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return newWorld(b, func(c *rpc.Config) { c.Tracers, c.Meters, c.Propagator = tel.Tracers, tel.Meters, tel.Propagator })
}

func bare(b *testing.B) samplev1.BookServiceClient {
	b.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	samplev1.RegisterBookServiceServer(server, &book{})
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	b.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return samplev1.NewBookServiceClient(conn)
}

// calls sends requests from 16 callers over one connection.
func calls(b *testing.B, client samplev1.BookServiceClient, outer context.Context) {
	b.Helper()
	md, _ := metadata.FromOutgoingContext(outer)
	b.SetParallelism(8)
	b.ReportAllocs()
	before := cpu(b)
	defer func() { b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op") }()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), md), 5*time.Second)
			if _, err := client.Sign(ctx, goodSign()); err != nil {
				b.Error(err)
			}
			cancel()
		}
	})
}

// cpu is the processor time of client and server together, which other
// processes on the machine hardly change.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
