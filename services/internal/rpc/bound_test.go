package rpc_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc/rpctest"
)

// TestABoundTokenIsGoodWithItsCertificateAlone takes a token away from the
// service that it was bound to.
func TestABoundTokenIsGoodWithItsCertificateAlone(t *testing.T) {
	w := newWorld(t, nil)
	config := w.TLS(t, "consentd").ClientTLS("bookd")
	own, err := config.GetClientCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(w.addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	digest := sha256.Sum256(own.Certificate[0])
	claims := rpctest.With(rpctest.Claims(time.Now(), "product"), "cnf", map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(digest[:])})
	bound := func() context.Context { return with(t, "authorization", "Bearer "+w.Issuer.Sign(claims)) }
	if _, err := samplev1.NewBookServiceClient(conn).Sign(bound(), goodSign()); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	for name, thief := range map[string]samplev1.BookServiceClient{"another certificate": w.client(t, "consentd"), "none": w.client(t, "")} {
		_, err := thief.Sign(bound(), goodSign())
		if err == nil {
			t.Errorf("%s: let in", name)
			continue
		}
		wantFault(t, err, codes.Unauthenticated, "TOKEN_BOUND")
	}
}
