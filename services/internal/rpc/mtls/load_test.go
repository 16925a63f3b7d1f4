package mtls_test

import (
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/rpc/mtls"
)

// TestCertificatesAreRenewedUnderLoad renews both sides' files while they shake
// hands: no handshake fails, whatever half of a renewal it meets.
func TestCertificatesAreRenewedUnderLoad(t *testing.T) {
	ca, c := authority(t, domain), newClock()
	source := func(name string) *mtls.Source {
		id := issue(t, ca, name, "/ns/habeas/sa/"+name)
		s, err := mtls.Load(mtls.Config{
			Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: domain, Namespace: "habeas",
			Now: c.now, Report: func(error) {}, // of files that are half renewed
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	server, client := source("identityd"), source("consentd")
	before := serial(t, server, client)
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
				if got := handshake(t, server, client.ClientTLS("identityd")); got.peer != "consentd" || got.server != nil || got.client != nil {
					t.Errorf("got %+v, want consentd and no error", got)
					return
				}
			}
		})
	}
	for range 20 {
		issue(t, ca, "identityd", "/ns/habeas/sa/identityd")
		issue(t, ca, "consentd", "/ns/habeas/sa/consentd")
		c.add(11 * time.Second)
	}
	close(renewed)
	load.Wait()
	c.add(11 * time.Second)
	if serial(t, server, client) == before {
		t.Error("the renewed certificate was not taken up")
	}
}
