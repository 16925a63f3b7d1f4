package access_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc/mtls"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/systemtest/stack"
)

const (
	tenant = "acme"
	table  = "matrix.txt"
	// rewrite names the variable that has the table written anew, for review.
	rewrite = "HABEAS_WRITE_MATRIX"
)

// TestWhoMayCallWhatIsAsReviewed asks with a request that can't be decoded: who
// is let in is told so, by REQUEST_MALFORMED, and nothing is done. Who is not is
// told why.
func TestWhoMayCallWhatIsAsReviewed(t *testing.T) {
	s := stack.New(t)
	s.Start()
	s.Tenant(tenant)
	for _, staff := range []string{"actor-verifier", "actor-agent"} {
		s.EmployNamed(tenant, staff, "access")
	}
	a := newAsker(t, s)
	var b strings.Builder
	b.WriteString(heading)
	for _, service := range services() {
		fmt.Fprintf(&b, "\n%s\n", service.FullName())
		for i := range service.Methods().Len() {
			b.WriteString(a.line(service.Methods().Get(i)))
		}
	}
	if os.Getenv(rewrite) != "" {
		if err := os.WriteFile(table, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reviewed, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(reviewed), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("access is not as reviewed (write the table anew with %s=1 and have it reviewed):\n%s", rewrite, diff)
	}
}

const heading = `# Who may call what, as the running services answer.
#
# method: what an answer may hold | roles of people | services | what else is asked for
#
# Everybody else is refused: without credentials by CREDENTIALS_REQUIRED, without
# a listed role by ROLE_REQUIRED, a service that is not listed by
# SERVICE_FORBIDDEN. A person's tenant is the token's: to name one is refused by
# TENANT_FORBIDDEN. A service must name one, else TENANT_REQUIRED. The test of
# this folder holds each line and each refusal.
`

// services are those of the contract, without the sample.
func services() []protoreflect.ServiceDescriptor {
	var out []protoreflect.ServiceDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if name := string(f.Package()); strings.HasPrefix(name, "habeas.") && !strings.HasPrefix(name, "habeas.sample.") &&
			!strings.HasPrefix(name, "habeas.holder.") /* which product teams serve */ {
			for i := range f.Services().Len() {
				out = append(out, f.Services().Get(i))
			}
		}
		return true
	})
	slices.SortFunc(out, func(a, b protoreflect.ServiceDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return out
}

// asker calls as anybody.
type asker struct {
	t     *testing.T
	stack *stack.Stack
	ca    *localca.CA
	conns map[string]*grpc.ClientConn
}

func newAsker(t *testing.T, s *stack.Stack) *asker {
	t.Helper()
	ca, err := localca.Open(filepath.Join(s.Dir, "ca"), rpctest.TrustDomain)
	if err != nil {
		t.Fatal(err)
	}
	return &asker{t, s, ca, map[string]*grpc.ClientConn{}}
}

// line asks a method as everybody.
func (a *asker) line(m protoreflect.MethodDescriptor) string {
	a.t.Helper()
	rule, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
	limits, _ := proto.GetExtension(m.Options(), optionsv1.E_Limits).(*optionsv1.Limits)
	if code, _ := a.ask(m, a.person(""), nil); code == codes.Unimplemented {
		return fmt.Sprintf("  %s: not served\n", m.Name())
	}
	a.want(m, "nobody", a.person(""), full(), codes.Unauthenticated, "CREDENTIALS_REQUIRED")
	people, helpers := a.people(m), a.services(m)
	if len(people) > 0 {
		a.want(m, "a person who names a tenant", a.person(people[0]), full("habeas-tenant", "globex"), codes.PermissionDenied, "TENANT_FORBIDDEN")
	}
	extra := a.extra(m, people, helpers)
	if rule.GetPurposeRequired() != slices.Contains(extra, "purpose") || rule.GetStepUp() != slices.Contains(extra, "step-up") {
		a.t.Errorf("%s asks for %v, and the contract says otherwise", m.FullName(), extra)
	}
	if limits.GetRate() != optionsv1.Rate_RATE_UNSPECIFIED {
		extra = append(extra, "counted as "+word(limits.GetRate().String(), "RATE_"))
	}
	return fmt.Sprintf("  %s: %s | %s | %s | %s\n", m.Name(), word(rule.GetReads().String(), "DATA_CLASS_"), list(people), list(helpers), list(extra))
}

// people are the roles that are let in; all others must be refused for it.
func (a *asker) people(m protoreflect.MethodDescriptor) []string {
	a.t.Helper()
	var in []string
	for n := 1; n < len(optionsv1.Role_name); n++ {
		role := word(optionsv1.Role(n).String(), "ROLE_")
		code, reason := a.ask(m, a.person(role), full())
		switch {
		case code == codes.InvalidArgument && reason == "REQUEST_MALFORMED":
			in = append(in, role)
		case code == codes.PermissionDenied && reason == "ROLE_REQUIRED":
		default:
			a.t.Errorf("%s as %s: %s %s", m.FullName(), role, code, reason)
		}
	}
	return in
}

// services are those that are let in by their certificate.
func (a *asker) services(m protoreflect.MethodDescriptor) []string {
	a.t.Helper()
	var in []string
	for _, name := range append(stack.Names(), "stranger") {
		code, reason := a.ask(m, a.service(name), full("habeas-tenant", tenant))
		switch {
		case code == codes.InvalidArgument && reason == "REQUEST_MALFORMED":
			in = append(in, name)
			a.want(m, name+" without a tenant", a.service(name), full(), codes.InvalidArgument, "TENANT_REQUIRED")
		case code == codes.PermissionDenied && (reason == "SERVICE_FORBIDDEN" || reason == "ROLE_REQUIRED"):
		default:
			a.t.Errorf("%s as %s: %s %s", m.FullName(), name, code, reason)
		}
	}
	return in
}

// extra is what those who are let in must bring besides.
func (a *asker) extra(m protoreflect.MethodDescriptor, people, helpers []string) []string {
	a.t.Helper()
	var code codes.Code
	var reason string
	switch {
	case len(people) > 0:
		code, reason = a.ask(m, a.plain(people[0]), nil)
	case len(helpers) > 0:
		code, reason = a.ask(m, a.service(helpers[0]), metadata.Pairs("habeas-tenant", tenant))
	default:
		return nil
	}
	switch {
	case code == codes.InvalidArgument && reason == "REQUEST_MALFORMED":
		return nil
	case code == codes.InvalidArgument && reason == "PURPOSE_REQUIRED":
		return []string{"purpose"}
	case code == codes.PermissionDenied && reason == "STEP_UP_REQUIRED":
		if _, reason = a.ask(m, a.person(people[0]), nil); reason == "PURPOSE_REQUIRED" {
			return []string{"step-up", "purpose"}
		}
		return []string{"step-up"}
	}
	a.t.Errorf("%s without more: %s %s", m.FullName(), code, reason)
	return nil
}

func (a *asker) want(m protoreflect.MethodDescriptor, who string, c caller, md metadata.MD, code codes.Code, reason string) {
	a.t.Helper()
	if gotCode, gotReason := a.ask(m, c, md); gotCode != code || gotReason != reason {
		a.t.Errorf("%s as %s: %s %s, want %s %s", m.FullName(), who, gotCode, gotReason, code, reason)
	}
}

// caller makes a connection to a service.
type caller func(service string) *grpc.ClientConn

// person has just proved themselves by a stronger means, and has a token with a
// role, or none if it is empty.
func (a *asker) person(role string) caller {
	return func(service string) *grpc.ClientConn {
		return a.kept(role+" to "+service, func() *grpc.ClientConn {
			if role == "" {
				return a.stack.Conn(service, "")
			}
			claims := rpctest.With(claimsOf(role), "acr", "phr")
			return a.stack.Conn(service, a.stack.Issuer.Sign(rpctest.With(claims, "auth_time", time.Now().Unix())))
		})
	}
}

// plain has no more than a token.
func (a *asker) plain(role string) caller {
	return func(service string) *grpc.ClientConn {
		return a.kept("plain "+role+" to "+service, func() *grpc.ClientConn {
			return a.stack.Conn(service, a.stack.Issuer.Sign(claimsOf(role)))
		})
	}
}

func claimsOf(role string) jwt.MapClaims {
	claims := rpctest.With(rpctest.Claims(time.Now(), role), "exp", time.Now().Add(time.Hour).Unix())
	return rpctest.With(claims, "sub", "actor-"+role)
}

// service has a certificate of a name.
func (a *asker) service(name string) caller {
	return func(service string) *grpc.ClientConn {
		return a.kept(name+" for itself to "+service, func() *grpc.ClientConn {
			id, err := a.ca.Issue(localca.Request{
				Name: "as-" + name, ID: "spiffe://" + rpctest.TrustDomain + "/ns/" + rpctest.Namespace + "/sa/" + name,
			})
			if err != nil {
				a.t.Fatal(err)
			}
			conn, err := grpc.NewClient(a.stack.Conn(service, "").Target(), grpc.WithTransportCredentials(credentials.NewTLS(a.tls(id, service))))
			if err != nil {
				a.t.Fatal(err)
			}
			a.t.Cleanup(func() { _ = conn.Close() })
			return conn
		})
	}
}

func (a *asker) tls(id *localca.Identity, service string) *tls.Config {
	source, err := mtls.Load(mtls.Config{
		Cert: id.CertFile, Key: id.KeyFile, CA: id.CAFile, TrustDomain: rpctest.TrustDomain, Namespace: rpctest.Namespace,
		Now: time.Now, Report: func(err error) { a.t.Error(err) },
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return source.ClientTLS(service)
}

func (a *asker) kept(name string, dial func() *grpc.ClientConn) *grpc.ClientConn {
	if a.conns[name] == nil {
		a.conns[name] = dial()
	}
	return a.conns[name]
}

// full is the metadata of a caller who brings all that may be asked for.
func full(more ...string) metadata.MD {
	return metadata.Pairs(append([]string{"habeas-purpose", "access"}, more...)...)
}

// ask sends a message that can't be decoded and returns what the service says.
func (a *asker) ask(m protoreflect.MethodDescriptor, as caller, md metadata.MD) (codes.Code, string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(a.t.Context(), md), 20*time.Second)
	defer cancel()
	name := strings.Split(string(m.FullName()), ".")[1]
	conn, method := as(name), fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	broken, answer := []byte{0xff}, new([]byte)
	if !m.IsStreamingClient() && !m.IsStreamingServer() {
		code, reason, _ := stack.Answer(conn.Invoke(ctx, method, broken, answer, grpc.ForceCodecV2(raw{})))
		return code, reason
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodecV2(raw{}))
	if err == nil {
		_ = stream.SendMsg(broken) // what went wrong, the next line tells
		_ = stream.CloseSend()
		err = stream.RecvMsg(answer)
	}
	code, reason, _ := stack.Answer(err)
	return code, reason
}

// raw sends bytes as they are.
type raw struct{}

// Marshal takes bytes.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("send %T as bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal gives bytes.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("receive bytes as %T", v)
	}
	*b = bytes.Clone(data.Materialize())
	return nil
}

// Name is that of the contract's encoding.
func (raw) Name() string { return "proto" }

func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}
