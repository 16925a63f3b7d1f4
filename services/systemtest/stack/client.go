package stack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Clients call all services as one caller.
type Clients struct {
	Subjects      identityv1.SubjectServiceClient
	Merges        identityv1.MergeServiceClient
	Ages          identityv1.AgeServiceClient
	Tenants       identityv1.TenantServiceClient
	Settings      identityv1.SettingsServiceClient
	Verifications identityv1.VerificationServiceClient
	Suppression   identityv1.SuppressionServiceClient
	Policies      consentv1.PolicyServiceClient
	Consent       consentv1.ConsentServiceClient
	Answers       consentv1.AnswerServiceClient
	Unsubscribe   consentv1.UnsubscribeServiceClient
	Recipients    consentv1.RecipientServiceClient
	Disclosures   consentv1.DisclosureServiceClient
	Statistics    consentv1.StatisticServiceClient
	Retention     retentionv1.RetentionServiceClient
	Storage       retentionv1.StorageServiceClient
	Compliance    retentionv1.ComplianceServiceClient
	Conversations retentionv1.ConversationServiceClient
	Keys          identityv1.KeyServiceClient
	Systems       fulfilmentv1.SystemServiceClient
	Requests      fulfilmentv1.RequestServiceClient
	Cases         fulfilmentv1.CaseServiceClient
	Controllers   fulfilmentv1.ControllerServiceClient
	Agents        identityv1.AgentServiceClient
	AgentRequests fulfilmentv1.AgentRequestServiceClient
}

// As is a caller with a token of a tenant and roles; without a role, one with
// no token at all.
func (s *Stack) As(tenant string, roles ...string) Clients {
	s.t.Helper()
	var token string
	if len(roles) > 0 {
		claims := rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant)
		token = s.Issuer.Sign(rpctest.With(claims, "exp", time.Now().Add(time.Hour).Unix()))
	}
	return s.clients(token)
}

func (s *Stack) clients(token string) Clients {
	s.t.Helper()
	identity, consent := s.Conn("identity", token), s.Conn("consent", token)
	retention, fulfilment := s.Conn("retention", token), s.Conn("fulfilment", token)
	return Clients{
		Subjects: identityv1.NewSubjectServiceClient(identity), Tenants: identityv1.NewTenantServiceClient(identity),
		Settings:      identityv1.NewSettingsServiceClient(identity),
		Merges:        identityv1.NewMergeServiceClient(identity),
		Ages:          identityv1.NewAgeServiceClient(identity),
		Verifications: identityv1.NewVerificationServiceClient(identity), Suppression: identityv1.NewSuppressionServiceClient(identity),
		Policies: consentv1.NewPolicyServiceClient(consent), Consent: consentv1.NewConsentServiceClient(consent),
		Unsubscribe: consentv1.NewUnsubscribeServiceClient(consent),
		Recipients:  consentv1.NewRecipientServiceClient(consent), Disclosures: consentv1.NewDisclosureServiceClient(consent),
		Statistics: consentv1.NewStatisticServiceClient(consent),
		Answers:    consentv1.NewAnswerServiceClient(consent),
		Retention:  retentionv1.NewRetentionServiceClient(retention), Storage: retentionv1.NewStorageServiceClient(retention),
		Conversations: retentionv1.NewConversationServiceClient(retention),
		Compliance:    retentionv1.NewComplianceServiceClient(retention),
		Keys:          identityv1.NewKeyServiceClient(identity),
		Systems:       fulfilmentv1.NewSystemServiceClient(fulfilment), Requests: fulfilmentv1.NewRequestServiceClient(fulfilment),
		Cases:       fulfilmentv1.NewCaseServiceClient(fulfilment),
		Controllers: fulfilmentv1.NewControllerServiceClient(fulfilment),
		Agents:      identityv1.NewAgentServiceClient(identity), AgentRequests: fulfilmentv1.NewAgentRequestServiceClient(fulfilment),
	}
}

// Conn is a connection to a service that sends a token, unless it is empty.
func (s *Stack) Conn(name, token string) *grpc.ClientConn {
	s.t.Helper()
	svc := s.services[name]
	pem, err := os.ReadFile(svc.id.CAFile)
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	}))}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	cc, err := grpc.NewClient(svc.listen, options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cc.Close() })
	return cc
}

type bearer string

// GetRequestMetadata sends the token.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity is true: a token is a secret.
func (bearer) RequireTransportSecurity() bool { return true }

// Deadline is a context for one call.
func Deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// For states why personal data is read.
func For(ctx context.Context, purpose string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "habeas-purpose", purpose)
}

// Answer is the code, reason and first field of an error.
func Answer(err error) (code codes.Code, reason, field string) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			if v := d.GetFieldViolations(); len(v) > 0 {
				field = v[0].GetField()
			}
		}
	}
	return s.Code(), reason, field
}

// Buffer may be written and read at once.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
