package rpc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

func TestADeadlineIsCappedAndShaved(t *testing.T) {
	w := newWorld(t, func(c *rpc.Config) { c.Defaults.Deadline = 3 * time.Second })
	var left time.Duration
	w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return &samplev1.SignResponse{}, nil
	}
	client := w.client(t, "")
	if _, err := client.Sign(w.as(t, "product"), goodSign()); err != nil {
		t.Fatal(err)
	}
	if left > 3*time.Second || left < 2*time.Second {
		t.Errorf("%s left of a caller's 5 s, want the method's 3 s at most", left)
	}
	ctx, cancel := context.WithTimeout(w.as(t, "product"), time.Second)
	defer cancel()
	if _, err := client.Sign(ctx, goodSign()); err != nil {
		t.Fatal(err)
	}
	if left > 980*time.Millisecond || left < 500*time.Millisecond {
		t.Errorf("%s left of a caller's 1 s, want 20 ms kept back", left)
	}
}

func TestTimeThatRunsOutIsReportedByTheServer(t *testing.T) {
	w := newWorld(t, func(c *rpc.Config) { c.Defaults.Deadline = 20 * time.Millisecond })
	w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	_, err := w.client(t, "").Sign(w.as(t, "product"), goodSign())
	wantFault(t, err, codes.DeadlineExceeded, "DEADLINE_EXCEEDED")
}

func TestWorkIsNotBegunWithoutTime(t *testing.T) {
	for left, want := range map[time.Duration]string{
		time.Second: "", 15 * time.Millisecond: "", 5 * time.Millisecond: "too little time is left to begin", -1: "too little time is left to begin",
	} {
		err := rpc.Bound(t.Context(), left)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("with %s left: got %v, want %q", left, err, want)
		}
	}
}

func TestARequestMayFillItsMethodsLimitAndNoMore(t *testing.T) {
	w := newWorld(t, nil)
	client := w.client(t, "")
	fill := func(bytes int) *samplev1.SignRequest {
		r := goodSign()
		r.ProtoReflect().SetUnknown(padding(bytes - proto.Size(r)))
		if got := proto.Size(r); got != bytes {
			t.Fatalf("request of %d bytes, want %d", got, bytes)
		}
		return r
	}
	if _, err := client.Sign(w.as(t, "product"), fill(4096)); err != nil {
		t.Errorf("4096 bytes: %v", err)
	}
	_, err := client.Sign(w.as(t, "product"), fill(4097))
	wantFault(t, err, codes.ResourceExhausted, "REQUEST_TOO_LARGE")
	if _, err := client.Sign(w.as(t, "product"), fill(100<<10)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("beyond every method's limit: got %v, want ResourceExhausted", err)
	}
}

// padding is an unknown field of n bytes in all, 3 to 2 million.
func padding(n int) []byte {
	field := []byte{0xfa, 0x7f} // number 2047, length-delimited
	body := n - len(field) - 1
	for size := 1; body > 0; size++ {
		length := appendVarint(nil, body)
		if len(length) == size {
			return append(append(field, length...), make([]byte, body)...)
		}
		body = n - len(field) - size - 1
	}
	return nil
}

func appendVarint(b []byte, v int) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func TestAMalformedRequestIsNotQuoted(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial(t, "")
	broken := &emptypb.Empty{}
	broken.ProtoReflect().SetUnknown([]byte{0x0a, 0x02, 0xff, 0xfe}) // request_id that is no UTF-8
	err := conn.Invoke(w.as(t, "product"), "/"+bookService+"/Sign", broken, &emptypb.Empty{})
	wantFault(t, err, codes.InvalidArgument, "REQUEST_MALFORMED")
	err = conn.Invoke(with(t), "/"+bookService+"/Sign", broken, &emptypb.Empty{})
	wantFault(t, err, codes.Unauthenticated, "CREDENTIALS_REQUIRED")
}

func TestASilentStreamIsEnded(t *testing.T) {
	w := newWorld(t, func(c *rpc.Config) { c.Defaults.Idle = 50 * time.Millisecond })
	released := make(chan error, 1)
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		<-s.Context().Done()
		released <- s.Context().Err()
		return s.Context().Err()
	}
	ctx := metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access")
	wantFault(t, ask(ctx, w.client(t, "")), codes.DeadlineExceeded, "STREAM_IDLE")
	if err := <-released; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

func TestAStreamThatMovesIsNotIdle(t *testing.T) {
	t.Parallel()
	const idle = 500 * time.Millisecond
	w := newWorld(t, func(c *rpc.Config) { c.Defaults.Idle = idle })
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		rpc.SawNobody(s.Context())
		tick := time.NewTicker(idle / 5)
		defer tick.Stop()
		for range 7 {
			<-tick.C
			if err := s.Send(&samplev1.ListGuestsResponse{}); err != nil {
				return err
			}
		}
		return errClosed
	}
	ctx := metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access")
	wantFault(t, ask(ctx, w.client(t, "")), codes.Internal, "INTERNAL") // the handler's own end
}

func TestAStreamNeedsNoDeadlineButEndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		<-s.Context().Done()
		return s.Context().Err()
	}
	soon := rpctest.With(rpctest.Claims(time.Now(), "agent"), "exp", time.Now().Add(2*time.Second).Unix())
	ctx := metadata.AppendToOutgoingContext(t.Context(),
		"authorization", "Bearer "+w.Issuer.Sign(soon), "habeas-purpose", "access")
	wantFault(t, ask(ctx, w.client(t, "")), codes.Unauthenticated, "TOKEN_EXPIRED")
}

func TestStopLetsCallsFinishAndTellsStreamsToComeBack(t *testing.T) {
	w := newWorld(t, nil)
	started, finish := make(chan struct{}, 2), make(chan struct{})
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		started <- struct{}{}
		<-finish
		return &samplev1.SignResponse{Entry: 7}, nil
	}
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		started <- struct{}{}
		<-s.Context().Done()
		return s.Context().Err()
	}
	client, call, stream := w.client(t, ""), make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := client.Sign(w.as(t, "product"), goodSign())
		call <- err
	}()
	go func() {
		stream <- ask(metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access"), client)
	}()
	<-started
	<-started
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
		defer cancel()
		stopped <- w.server.Stop(ctx)
	}()
	wantFault(t, <-stream, codes.Unavailable, "SHUTTING_DOWN")
	close(finish)
	if err := <-call; err != nil {
		t.Errorf("the call under way got %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	w := newWorld(t, nil)
	started, ended := make(chan struct{}), make(chan struct{})
	w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	go func() { _, _ = w.client(t, "").Sign(w.as(t, "product"), goodSign()) }()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.server.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	<-ended
}

func TestHeadersAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	ctx := metadata.AppendToOutgoingContext(w.as(t, "product"), "x", strings.Repeat("a", 17<<10))
	if _, err := w.client(t, "").Sign(ctx, goodSign()); err == nil {
		t.Error("17 KiB of headers were accepted")
	}
}

func TestAConnectionThatSaysNothingIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, net.ErrClosed) || err == nil {
		t.Errorf("got %v, want the server to hang up", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s, want about 5 s", took)
	}
}

func TestPlainTextAndOldTLSGetNoAnswer(t *testing.T) {
	w := newWorld(t, nil)
	_, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

func TestStreamsPerConnectionAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	running, release := make(chan struct{}, 200), make(chan struct{})
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		running <- struct{}{}
		<-release
		return &samplev1.SignResponse{}, nil
	}
	client, results := w.client(t, ""), make(chan error, 101)
	for range 101 {
		go func() {
			_, err := client.Sign(w.as(t, "product"), goodSign())
			results <- err
		}()
	}
	for range 100 {
		<-running
	}
	if n := len(running); n != 0 {
		t.Errorf("%d calls over 100 run on one connection", n)
	}
	close(release)
	for range 101 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
}

// TestAConnectionIsBounded speaks HTTP/2 by hand: what the server announces,
// and what it does to a client that pings without need.
func TestAConnectionIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	config := w.TLS(t, "consentd").ClientTLS("bookd")
	conn, err := tls.Dial("tcp", w.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	announced := map[http2.SettingID]uint32{}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("the server did not send the client away: %v", err)
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			for i := range f.NumSettings() {
				announced[f.Setting(i).ID] = f.Setting(i).Val
			}
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeEnhanceYourCalm || announced[http2.SettingMaxConcurrentStreams] != 100 ||
				announced[http2.SettingMaxHeaderListSize] != 16<<10 {
				t.Errorf("sent away with %s after %v", f.ErrCode, announced)
			}
			return
		}
		if err := framer.WritePing(false, [8]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAServerThatWasStoppedBeforeItServedHasNotFailed(t *testing.T) {
	w := newWorld(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := w.server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.server.Serve(lis); err != nil {
		t.Errorf("serve after stop: %v", err)
	}
}
