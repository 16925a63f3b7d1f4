package identityd

import (
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/internal/rpc"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc"
)

// peers are the services that identity calls.
type peers struct {
	consent, fulfilment, retention *grpc.ClientConn
}

// dial connects to the peers that are configured. It waits for none of them:
// they, in their turn, wait for identity's keys.
func (c Config) dial(k *daemon.Kit) (*peers, error) {
	out := &peers{}
	var err error
	if c.Consent.Target != "" {
		out.consent, err = client.Peer{Target: c.Consent.Target}.Dial(k.RPC(), "consent", consentv1.ConsentService_ServiceDesc.ServiceName,
			consentv1.PolicyService_ServiceDesc.ServiceName)
		if err != nil {
			return nil, fmt.Errorf("connect to consent: %w", err)
		}
	}
	if c.Fulfilment.Target != "" {
		out.fulfilment, err = client.Peer{Target: c.Fulfilment.Target}.Dial(k.RPC(), "fulfilment", fulfilmentv1.RequestService_ServiceDesc.ServiceName)
		if err != nil {
			out.close()
			return nil, fmt.Errorf("connect to fulfilment: %w", err)
		}
	}
	if c.Retention.Target != "" {
		out.retention, err = client.Peer{Target: c.Retention.Target}.Dial(k.RPC(), "retention", retentionv1.RetentionService_ServiceDesc.ServiceName,
			retentionv1.ConversationService_ServiceDesc.ServiceName)
		if err != nil {
			out.close()
			return nil, fmt.Errorf("connect to retention: %w", err)
		}
	}
	return out, nil
}

func (p *peers) close() {
	for _, conn := range []*grpc.ClientConn{p.consent, p.fulfilment, p.retention} {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// policies reads policies, if consent is connected.
func (p *peers) policies() consentv1.PolicyServiceClient {
	if p.consent == nil {
		return nil
	}
	return consentv1.NewPolicyServiceClient(p.consent)
}

// decisions asks for consent, if it is connected.
func (p *peers) decisions() consentv1.ConsentServiceClient {
	if p.consent == nil {
		return nil
	}
	return consentv1.NewConsentServiceClient(p.consent)
}

// requests makes requests, if fulfilment is connected.
func (p *peers) requests() fulfilmentv1.RequestServiceClient {
	if p.fulfilment == nil {
		return nil
	}
	return fulfilmentv1.NewRequestServiceClient(p.fulfilment)
}

// witnesses know what stands in the way of a tenant's end, as far as they are
// connected.
func (p *peers) witnesses() offboard.Witnesses {
	out := offboard.Witnesses{Requests: p.requests()}
	if p.retention != nil {
		out.Holds = retentionv1.NewRetentionServiceClient(p.retention)
	}
	return out
}

// periods knows the periods of conversations, if retention is connected.
func (p *peers) periods() rpc.Periods {
	if p.retention == nil {
		return nil
	}
	return retentionv1.NewConversationServiceClient(p.retention)
}

// facts tells consent, if it is connected.
func (p *peers) facts() facts.Teller {
	if p.consent == nil {
		return facts.Teller{}
	}
	return facts.Teller{Consent: consentv1.NewConsentServiceClient(p.consent)}
}
