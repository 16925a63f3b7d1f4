package consistency_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/policydoc"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	shards   = 2
	replicas = 3 // of the log, and of consent
)

// place is three consentd and everything around them.
type place struct {
	*rpctest.Place
	nats     *testserver.Nodes
	redis    *testserver.RedisServer
	replicas []*replica
	in       jstest.Installation
	ca       *localca.CA
	id       *localca.Identity
	dir      string
	identity string
}

// newPlace starts everything, with a policy that is in force.
func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{Place: rpctest.NewPlace(t), dir: t.TempDir(), redis: testserver.Redis(t), in: jstest.New(t, shards, replicas, "consent")}
	p.in.Name = consentd.Name
	rights := jetstream.RightsOf(p.in.Topology, jetstream.Grant{Name: consentd.Name, Owns: []string{"consent"}})
	p.nats = testserver.Cluster(t, replicas, testserver.WithUser(consentd.Name, rights.Publish, rights.Subscribe))
	cfg := p.in.Config(t, p.nats.Connect(t, testserver.Admin))
	testwait.For(t, 2*time.Minute, func() error { // a cluster that was just formed may refuse to place a stream
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := jetstream.Provision(ctx, cfg, p.in.Setup())
		return err
	})
	var err error
	if p.ca, err = localca.Open(filepath.Join(p.dir, "ca"), rpctest.TrustDomain); err != nil {
		t.Fatal(err)
	}
	p.id = p.issue(t, consentd.Name)
	p.serveIdentity(t)
	for i := range replicas {
		p.replicas = append(p.replicas, p.replica(t, i+1, p.nats.URL()))
	}
	p.post(t)
	return p
}

func (p *place) issue(t *testing.T, name string) *localca.Identity {
	t.Helper()
	id, err := p.ca.Issue(localca.Request{
		Name: name, Hosts: []string{"127.0.0.1"}, ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + name,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// identity gives everybody the same keys.
type identity struct {
	identityv1.UnimplementedKeyServiceServer
}

func (identity) GetDigestKeys(context.Context, *identityv1.GetDigestKeysRequest) (*identityv1.GetDigestKeysResponse, error) {
	return &identityv1.GetDigestKeysResponse{
		Keys: []*identityv1.DigestKey{{Epoch: 1, Material: bytes.Repeat([]byte{1}, 32)}}, Lease: durationpb.New(5 * time.Second),
	}, nil
}

func (p *place) serveIdentity(t *testing.T) {
	t.Helper()
	id := p.issue(t, "identity")
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: rpctest.TrustDomain, Namespace: rpctest.Namespace,
		Now: time.Now, Report: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	desc := &identityv1.KeyService_ServiceDesc
	_, p.identity = p.Serve(t, "identity", kit.Config{
		TLS: source, Services: []kit.Service{{Desc: desc, Impl: identity{}}}, Callers: map[string][]string{desc.ServiceName: {consentd.Name}},
	})
}

// dial connects to a replica by its number, as somebody with a role. The
// connection is tried again at once when the replica is back: what is measured is
// the service.
func (p *place) dial(t *testing.T, number int, role string) *grpc.ClientConn {
	t.Helper()
	return p.reach(t, p.replicas[number], role)
}

func (p *place) reach(t *testing.T, r *replica, role string) *grpc.ClientConn {
	t.Helper()
	pem, err := os.ReadFile(p.id.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	claims := rpctest.With(rpctest.Claims(time.Now(), role), "exp", time.Now().Add(3*time.Hour).Unix())
	cc, err := grpc.NewClient(r.listen,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(bearer(p.Issuer.Sign(claims))),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 250 * time.Millisecond}, MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

// outage is how old an answer may be under the policy of the campaign while the
// log does not answer, if it is not about sensitive data.
const outage = 3 * time.Second

// post puts the policy in force.
func (p *place) post(t *testing.T) {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), policyID+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("  expressions: [explicit]"), []byte("  outage_seconds: 3\n  expressions: [explicit]"), 1)
	doc, err := policydoc.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	c := consentv1.NewPolicyServiceClient(p.dial(t, 0, "dpo"))
	published, posted, now := uuid.NewString(), uuid.NewString(), timestamppb.Now()
	testwait.For(t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.PublishPolicy(ctx, &consentv1.PublishPolicyRequest{RequestId: published, Document: b}); err != nil {
			return err
		}
		_, err := c.PostPolicy(ctx, &consentv1.PostPolicyRequest{
			RequestId: posted, Policy: policyID, Version: 1, TextHash: doc.TextSHA256, PostedAt: now,
		})
		return err
	})
}
