package local

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/internal/wholefile"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Purpose is why the developer may see personal data; commands state it unless
// they are told another.
const Purpose = "request-fulfilment"

const (
	// officer says what the developer may see: nobody does so for themselves.
	officer = "officer"
	// employedFor is renewed at each start.
	employedFor = 30 * 24 * time.Hour
)

// ErrNoTenant says that the tenant of the developer's token is not there yet.
var ErrNoTenant = errors.New("tenant does not exist yet")

// Employ binds the developer to confidentiality and lets them see personal data
// to handle requests, as an officer does for staff.
func (in *Installation) Employ(ctx context.Context) error {
	now := time.Now()
	token, err := in.tokens.Token(devissuer.Claims{Tenant: in.cfg.Tenant, Subject: officer, From: now, Life: startLimit, Roles: []string{"dpo"}})
	if err != nil {
		return err
	}
	conn, err := in.dial("identity")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), startLimit)
	defer cancel()
	c, until := identityv1.NewStaffServiceClient(conn), timestamppb.New(now.Add(employedFor))
	_, err = c.RecordUndertaking(ctx, &identityv1.RecordUndertakingRequest{
		RequestId: uuid.NewString(), Staff: developer, Until: until, Evidence: "declaration:habeas-up",
	})
	if err == nil {
		_, err = c.GrantNeed(ctx, &identityv1.GrantNeedRequest{
			RequestId: uuid.NewString(), Staff: developer, Need: &identityv1.Need{Purpose: Purpose, Until: until},
		})
	}
	switch {
	case status.Code(err) == codes.NotFound:
		return ErrNoTenant
	case err != nil:
		return fmt.Errorf("employ the developer: %w", err)
	}
	return nil
}

// dial connects to a service as a person does.
func (in *Installation) dial(service string) (*grpc.ClientConn, error) {
	pem, err := wholefile.Read(in.ca.CertFile(), wholefile.Usual)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("read authority: it holds no certificate")
	}
	return grpc.NewClient(in.target(service), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	})))
}
