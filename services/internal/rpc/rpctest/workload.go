package rpctest

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"habeas.internal/services/internal/localca"
)

// WorkloadAPI is a SPIFFE Workload API on a socket, as an agent offers it. It
// gives everybody what the test says.
type WorkloadAPI struct {
	workload.UnimplementedSpiffeWorkloadAPIServer

	// Address is what HABEAS_TLS_WORKLOAD_API is set to.
	Address string

	t      testing.TB
	path   string
	server *grpc.Server
	mu     sync.Mutex
	given  *workload.X509SVIDResponse
	change chan struct{}
}

// NewWorkloadAPI starts an API that has no identity for anybody yet.
func NewWorkloadAPI(t testing.TB) *WorkloadAPI {
	t.Helper()
	dir, err := os.MkdirTemp("", "wl") // the path of a socket is short, a test's folder is not
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &WorkloadAPI{t: t, path: filepath.Join(dir, "s"), change: make(chan struct{})}
	w.Address = "unix://" + w.path
	w.Start()
	t.Cleanup(func() { w.Stop() })
	return w
}

// Start begins to answer, again after Stop.
func (w *WorkloadAPI) Start() {
	w.t.Helper()
	lis, err := net.Listen("unix", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(w.server, w)
	go func(s *grpc.Server) { _ = s.Serve(lis) }(w.server) // ends with Stop
}

// Stop takes the socket away, and cuts off who listens.
func (w *WorkloadAPI) Stop() { w.server.Stop() }

// Give gives certificates, and the authorities to trust, to all who listen and
// who ask from now on.
func (w *WorkloadAPI) Give(authorities []*localca.CA, ids ...*localca.Identity) {
	w.t.Helper()
	var bundle []byte
	for _, ca := range authorities {
		text, err := os.ReadFile(ca.CertFile())
		if err != nil {
			w.t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		bundle = append(bundle, block.Bytes...)
	}
	given := &workload.X509SVIDResponse{}
	for _, id := range ids {
		key, err := x509.MarshalPKCS8PrivateKey(id.Certificate.PrivateKey)
		if err != nil {
			w.t.Fatal(err)
		}
		given.Svids = append(given.Svids, &workload.X509SVID{
			SpiffeId: id.ID, X509Svid: id.Certificate.Certificate[0], X509SvidKey: key, Bundle: bundle,
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = given
	close(w.change)
	w.change = make(chan struct{})
}

func (w *WorkloadAPI) state() (given *workload.X509SVIDResponse, change chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.given, w.change
}

// FetchX509SVID streams what is given.
func (w *WorkloadAPI) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	if md, _ := metadata.FromIncomingContext(stream.Context()); len(md.Get("workload.spiffe.io")) != 1 {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	for {
		given, change := w.state()
		if given == nil {
			return status.Error(codes.PermissionDenied, "no identity issued")
		}
		if err := stream.Send(given); err != nil {
			return err
		}
		select {
		case <-change:
		case <-stream.Context().Done():
			return nil
		}
	}
}
