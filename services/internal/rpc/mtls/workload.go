package mtls

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// firstPatience is how long [Watch] waits for the first certificate: agents and
// services start together.
const firstPatience = 30 * time.Second

// WorkloadConfig says which Workload API gives certificates, and for whom.
type WorkloadConfig struct {
	// Address is the API's: unix:///path, or tcp://ip:port.
	Address string
	// Service is this service's own name. A certificate of another one is not
	// used, whatever the API gives.
	Service string
	// TrustDomain and Namespace are what every identity here shares.
	TrustDomain, Namespace string
	// Patience bounds the wait for the first certificate; zero means 30 s.
	Patience time.Duration
	// Now is the clock.
	Now func() time.Time
	// Report is told when the API is away, or gives what can't be used.
	Report func(error)
}

// Watch takes certificates from a SPIFFE Workload API, as it gives and renews
// them. It waits for the first. When the API goes away, what it gave last counts
// to the end of the certificate, and then nothing does; when it comes back, so
// does the service. The caller closes the source.
func Watch(ctx context.Context, cfg WorkloadConfig) (*Source, error) {
	w := &watcher{cfg: cfg, first: make(chan struct{})}
	w.source = &Source{prefix: prefix(cfg.TrustDomain, cfg.Namespace), now: cfg.Now, present: func() material { return *w.current.Load() }}
	var err error
	if w.domain, err = spiffeid.TrustDomainFromString(cfg.TrustDomain); err != nil {
		return nil, fmt.Errorf("read trust domain: %w", err)
	}
	api, err := workloadapi.New(ctx, workloadapi.WithAddr(cfg.Address))
	if err != nil {
		return nil, fmt.Errorf("reach Workload API: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.ended = run.Done()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(run, api)
	}()
	w.source.stop = func() {
		cancel()
		<-done
		_ = api.Close() // nothing is lost with it
	}
	wait := time.NewTimer(cmp.Or(cfg.Patience, firstPatience))
	defer wait.Stop()
	select {
	case <-w.first:
		return w.source, nil
	case <-wait.C:
		err = errors.New("the Workload API gave no certificate in time")
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.source.Close()
	return nil, fmt.Errorf("get own certificate: %w", errors.Join(err, w.last))
}

// watcher is told what the API gives. Only the watching goroutine calls it.
type watcher struct {
	cfg     WorkloadConfig
	domain  spiffeid.TrustDomain
	source  *Source
	current atomic.Pointer[material]
	first   chan struct{}
	ended   <-chan struct{}
	last    error // read when the watching has ended
}

// run watches until it is cancelled. The client tries again by itself after most
// errors, and gives up after some.
func (w *watcher) run(ctx context.Context, api *workloadapi.Client) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for ctx.Err() == nil {
		w.OnX509ContextWatchError(api.WatchX509Context(ctx, w))
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

// OnX509ContextUpdate takes up what the API gives, if it is of use.
func (w *watcher) OnX509ContextUpdate(given *workloadapi.X509Context) {
	m, err := w.material(given)
	if err != nil {
		w.OnX509ContextWatchError(err)
		return
	}
	if w.current.Swap(&m) == nil {
		close(w.first)
	}
}

// OnX509ContextWatchError reports. What was given last stays in force.
func (w *watcher) OnX509ContextWatchError(err error) {
	select {
	case <-w.ended: // by the source itself
		return
	default:
	}
	w.last = fmt.Errorf("watch Workload API: %w", err)
	w.cfg.Report(w.last)
}

// material takes this service's own certificate among those given, and the
// authorities of its own trust domain alone.
func (w *watcher) material(given *workloadapi.X509Context) (material, error) {
	var own *x509svid.SVID
	for _, s := range given.SVIDs {
		if s.ID.String() == w.source.prefix+w.cfg.Service {
			own = s
		}
	}
	if own == nil {
		return material{}, fmt.Errorf("take own certificate: %d given, none of %s: %w", len(given.SVIDs), w.cfg.Service, ErrPeer)
	}
	bundle, err := given.Bundles.GetX509BundleForTrustDomain(w.domain)
	if err != nil {
		return material{}, fmt.Errorf("take authorities: %w", err)
	}
	m := material{roots: x509.NewCertPool(), own: tls.Certificate{PrivateKey: own.PrivateKey, Leaf: own.Certificates[0]}}
	for _, authority := range bundle.X509Authorities() {
		m.roots.AddCert(authority)
	}
	if len(bundle.X509Authorities()) == 0 {
		return material{}, errors.New("take authorities: none given")
	}
	for _, cert := range own.Certificates {
		m.own.Certificate = append(m.own.Certificate, cert.Raw)
	}
	m.server = w.source.serverTLS(m)
	return m, nil
}
