package identityd_test

import (
	"context"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/identity/identityd"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc"
)

// witness stands in for retention and fulfilment, which know of nothing that is in
// the way of a tenant's end.
type witness struct {
	retentionv1.UnimplementedRetentionServiceServer
	fulfilmentv1.UnimplementedRequestServiceServer
}

func (witness) CountHolds(context.Context, *retentionv1.CountHoldsRequest) (*retentionv1.CountHoldsResponse, error) {
	return &retentionv1.CountHoldsResponse{}, nil
}

func (witness) CountOpenRequests(context.Context, *fulfilmentv1.CountOpenRequestsRequest) (*fulfilmentv1.CountOpenRequestsResponse, error) {
	return &fulfilmentv1.CountOpenRequestsResponse{}, nil
}

// serve starts a stand-in for a service, and returns where it answers.
func (w *world) serve(t *testing.T, name string, impl any, services ...*grpc.ServiceDesc) string {
	t.Helper()
	id := w.certify(t, name)
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: rpctest.TrustDomain, Namespace: rpctest.Namespace,
		Now: time.Now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := kit.Config{TLS: source, Callers: map[string][]string{}}
	for _, desc := range services {
		cfg.Callers[desc.ServiceName] = []string{identityd.Name}
		cfg.Services = append(cfg.Services, kit.Service{Desc: desc, Impl: impl})
	}
	_, address := (&rpctest.Place{Issuer: w.issuer}).Serve(t, name, cfg)
	return address
}

// witnessed is the environment of a world in which nothing is in the way.
func (w *world) witnessed(t *testing.T) []string {
	t.Helper()
	return []string{
		"HABEAS_RETENTION_TARGET=" + w.serve(t, "retention", witness{}, &retentionv1.RetentionService_ServiceDesc),
		"HABEAS_FULFILMENT_TARGET=" + w.serve(t, "fulfilment", witness{}, &fulfilmentv1.RequestService_ServiceDesc),
	}
}
