package mtls_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testwait"
)

// member is a service that a Workload API equips.
type member struct {
	*mtls.Source
	api     *rpctest.WorkloadAPI
	reports chan error
}

func (m *member) report(err error) {
	select {
	case m.reports <- err:
	default: // one is enough
	}
}

// reported waits for a report.
func (m *member) reported(t *testing.T) error {
	t.Helper()
	select {
	case err := <-m.reports:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was reported")
		return nil
	}
}

func (m *member) config(name string, c clock) mtls.WorkloadConfig {
	return mtls.WorkloadConfig{
		Address: m.api.Address, Service: name, TrustDomain: domain, Namespace: "habeas", Now: c.now, Report: m.report,
	}
}

// watch equips a service by an API of its own.
func watch(t *testing.T, ca *localca.CA, name string, c clock) *member {
	t.Helper()
	m := &member{api: rpctest.NewWorkloadAPI(t), reports: make(chan error, 1)}
	m.api.Give([]*localca.CA{ca}, issue(t, ca, name, "/ns/habeas/sa/"+name))
	var err error
	if m.Source, err = mtls.Watch(t.Context(), m.config(name, c)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func good(got outcome, peer string) bool {
	return got.peer == peer && got.server == nil && got.client == nil
}

func TestServicesKnowEachOtherByWhatAWorkloadAPIGives(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server, client := watch(t, ca, "identityd", c), watch(t, ca, "consentd", c)
	if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
		t.Errorf("got %+v, want consentd and no error", got)
	}
	if got := handshake(t, server.Source, client.ClientTLS("auditd")); !errors.Is(got.client, mtls.ErrPeer) {
		t.Errorf("the client says %v of another server than it meant, want ErrPeer", got.client)
	}
	person := client.ClientTLS("identityd")
	person.GetClientCertificate = nil
	if got := handshake(t, server.Source, person); !good(got, "") {
		t.Errorf("got %+v, want no peer and no error", got)
	}
	files := load(t, issue(t, ca, "retentiond", "/ns/habeas/sa/retentiond"), c)
	if got := handshake(t, server.Source, files.ClientTLS("identityd")); !good(got, "retentiond") {
		t.Errorf("got %+v, want retentiond, which has files, and no error", got)
	}
}

// TestAWorkloadAPIRenewsUnderLoad renews both sides while they shake hands.
func TestAWorkloadAPIRenewsUnderLoad(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server, client := watch(t, ca, "identityd", c), watch(t, ca, "consentd", c)
	before := serial(t, server.Source, client.Source)
	renewed := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-renewed:
					return
				default:
				}
				if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
					t.Errorf("got %+v, want consentd and no error", got)
					return
				}
			}
		})
	}
	for range 20 {
		server.api.Give([]*localca.CA{ca}, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"))
		client.api.Give([]*localca.CA{ca}, issue(t, ca, "consentd", "/ns/habeas/sa/consentd"))
	}
	testwait.For(t, 10*time.Second, func() error {
		if serial(t, server.Source, client.Source) == before {
			return errors.New("the first certificate is in use still")
		}
		return nil
	})
	close(renewed)
	load.Wait()
}

// TestAnAuthorityThatIsTakenAwayVouchesForNobody goes from one authority to the
// next, by way of both.
func TestAnAuthorityThatIsTakenAwayVouchesForNobody(t *testing.T) {
	old, fresh, c := authority(t, domain), authority(t, domain), newClock()
	server, client := watch(t, old, "identityd", c), watch(t, old, "consentd", c)
	of := func(ca *localca.CA) *localca.Identity { return issue(t, ca, "consentd", "/ns/habeas/sa/consentd") }
	own := issue(t, fresh, "identityd", "/ns/habeas/sa/identityd")
	both := []*localca.CA{old, fresh}
	client.api.Give(both, of(old))
	server.api.Give(both, own)
	testwait.For(t, 10*time.Second, func() error {
		if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
			return errors.Join(got.client, got.server)
		}
		return nil
	})
	server.api.Give([]*localca.CA{fresh}, own)
	testwait.For(t, 10*time.Second, func() error {
		if got := handshake(t, server.Source, client.ClientTLS("identityd")); got.server == nil || got.client == nil {
			return errors.New("a certificate of the authority that was taken away is good still")
		}
		return nil
	})
	client.api.Give(both, of(fresh))
	testwait.For(t, 10*time.Second, func() error {
		if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
			return errors.Join(got.client, got.server)
		}
		return nil
	})
}

func TestACertificateOfAnotherServiceIsNotTakenUp(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	other := issue(t, ca, "consentd", "/ns/habeas/sa/consentd")
	m := &member{api: rpctest.NewWorkloadAPI(t), reports: make(chan error, 1)}
	cfg := m.config("identityd", c)
	cfg.Patience = 200 * time.Millisecond
	if _, err := mtls.Watch(t.Context(), cfg); err == nil {
		t.Error("started without a certificate")
	}
	m.api.Give([]*localca.CA{ca}, other)
	if _, err := mtls.Watch(t.Context(), cfg); !errors.Is(err, mtls.ErrPeer) {
		t.Errorf("started with another service's certificate: %v, want ErrPeer", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mtls.Watch(ended, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	server, client := watch(t, ca, "identityd", c), watch(t, ca, "consentd", c)
	server.api.Give([]*localca.CA{ca}, other)
	if err := server.reported(t); !errors.Is(err, mtls.ErrPeer) {
		t.Errorf("reported %v, want ErrPeer", err)
	}
	server.api.Give(nil, issue(t, ca, "identityd", "/ns/habeas/sa/identityd"))
	if err := server.reported(t); err == nil {
		t.Error("certificates without authorities are taken up")
	}
	if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
		t.Errorf("got %+v, want what was given before to count", got)
	}
}

// TestWithoutItsAPIAServiceGoesOnToTheEndOfItsCertificate takes the socket away,
// and brings it back.
func TestWithoutItsAPIAServiceGoesOnToTheEndOfItsCertificate(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	server, client := watch(t, ca, "identityd", c), watch(t, ca, "consentd", newClock())
	server.api.Stop()
	if err := server.reported(t); err == nil {
		t.Error("nobody is told that the API is away")
	}
	if got := handshake(t, server.Source, client.ClientTLS("identityd")); !good(got, "consentd") {
		t.Errorf("got %+v, want the last certificate to count", got)
	}
	c.add(91 * 24 * time.Hour)
	if got := handshake(t, server.Source, client.ClientTLS("identityd")); !errors.Is(got.server, mtls.ErrEnded) || got.client == nil {
		t.Errorf("got %+v, want the server to refuse: its own certificate has ended", got)
	}
	if got := handshake(t, client.Source, server.ClientTLS("consentd")); !errors.Is(got.client, mtls.ErrEnded) {
		t.Errorf("the client says %v, want ErrEnded: its own certificate has ended", got.client)
	}
	fresh, err := ca.Issue(localca.Request{
		Name: "identityd", ID: "spiffe://" + domain + "/ns/habeas/sa/identityd", Lifetime: 365 * 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.api.Give([]*localca.CA{ca}, fresh)
	server.api.Start()
	person := client.ClientTLS("identityd")
	person.GetClientCertificate = nil // the client's own has ended at the server's clock
	testwait.For(t, 20*time.Second, func() error {
		if got := handshake(t, server.Source, person); !good(got, "") {
			return errors.Join(got.client, got.server)
		}
		return nil
	})
}
