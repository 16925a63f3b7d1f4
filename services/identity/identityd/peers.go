package identityd

import (
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc"
)

// peers are the services that identity calls.
type peers struct {
	consent *grpc.ClientConn
}

// dial connects to the peers that are configured. It waits for none of them:
// they, in their turn, wait for identity's keys.
func (c Config) dial(k *daemon.Kit) (*peers, error) {
	out := &peers{}
	if c.Consent.Target == "" {
		return out, nil
	}
	var err error
	out.consent, err = client.Peer{Target: c.Consent.Target}.Dial(k.RPC(), "consent", consentv1.ConsentService_ServiceDesc.ServiceName,
		consentv1.PolicyService_ServiceDesc.ServiceName)
	if err != nil {
		return nil, fmt.Errorf("connect to consent: %w", err)
	}
	return out, nil
}

func (p *peers) close() {
	if p.consent != nil {
		_ = p.consent.Close()
	}
}

// facts tells consent, if it is connected.
func (p *peers) facts() facts.Teller {
	if p.consent == nil {
		return facts.Teller{}
	}
	return facts.Teller{Consent: consentv1.NewConsentServiceClient(p.consent)}
}
