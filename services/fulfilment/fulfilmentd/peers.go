package fulfilmentd

import (
	"crypto/rand"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/holdersystem"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/staffclient"

	"google.golang.org/grpc"
)

// peers are the services that are asked, and what is asked of them.
type peers struct {
	carry.Peers
	tenants identityv1.TenantServiceClient
	checks  identityv1.CheckServiceClient
	agents  identityv1.AgentServiceClient
	keys    *keyclient.Client
	staff   *staffclient.Client

	conns []*grpc.ClientConn
}

func dial(cfg Config, k *daemon.Kit) (p *peers, err error) {
	p = &peers{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	identity, err := cfg.Identity.Dial(k.RPC(), "identity", keyclient.ServiceName,
		identityv1.SubjectService_ServiceDesc.ServiceName, identityv1.TenantService_ServiceDesc.ServiceName,
		identityv1.VerificationService_ServiceDesc.ServiceName, identityv1.SuppressionService_ServiceDesc.ServiceName,
		identityv1.SettingsService_ServiceDesc.ServiceName, identityv1.CheckService_ServiceDesc.ServiceName,
		identityv1.AgentService_ServiceDesc.ServiceName, staffclient.ServiceName)
	if err != nil {
		return p, fmt.Errorf("connect to identity: %w", err)
	}
	p.conns = append(p.conns, identity)
	consent, err := cfg.Consent.Dial(k.RPC(), "consent",
		consentv1.ConsentService_ServiceDesc.ServiceName, consentv1.DisclosureService_ServiceDesc.ServiceName, consentv1.PolicyService_ServiceDesc.ServiceName)
	if err != nil {
		return p, fmt.Errorf("connect to consent: %w", err)
	}
	p.conns = append(p.conns, consent)
	retention, err := cfg.Retention.Dial(k.RPC(), "retention", retentionv1.RetentionService_ServiceDesc.ServiceName)
	if err != nil {
		return p, fmt.Errorf("connect to retention: %w", err)
	}
	p.conns = append(p.conns, retention)
	p.Peers = carry.Peers{
		Subjects: identityv1.NewSubjectServiceClient(identity), Verifications: identityv1.NewVerificationServiceClient(identity),
		Keys: identityv1.NewKeyServiceClient(identity), Suppression: identityv1.NewSuppressionServiceClient(identity),
		Consent: consentv1.NewConsentServiceClient(consent), Policies: consentv1.NewPolicyServiceClient(consent),
		Disclosures: consentv1.NewDisclosureServiceClient(consent),
		Staff:       identityv1.NewStaffServiceClient(identity), Settings: identityv1.NewSettingsServiceClient(identity),
		Tenants:   identityv1.NewTenantServiceClient(identity),
		Retention: retentionv1.NewRetentionServiceClient(retention),
	}
	p.staff = staffclient.New(identity, time.Now)
	p.tenants = identityv1.NewTenantServiceClient(identity)
	p.checks = identityv1.NewCheckServiceClient(identity)
	p.agents = identityv1.NewAgentServiceClient(identity)
	p.keys, err = keyclient.New(keyclient.Config{Conn: identity, Reader: Name, Now: time.Now, Random: rand.Reader, Logger: k.Log})
	return p, err
}

// holders connects to services of product teams, each by the name that its
// certificate proves.
func holders(own rpc.Config) holdersystem.Dial {
	return func(target, server string) (*grpc.ClientConn, error) {
		return client.Peer{Target: target}.Dial(own, server, holderv1.DataHolderService_ServiceDesc.ServiceName)
	}
}

func (p *peers) close() {
	if p.keys != nil {
		p.keys.Close()
	}
	for _, conn := range p.conns {
		_ = conn.Close()
	}
}
