package holder

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Config says who the server is and who may call it.
type Config struct {
	// Cert, Key and CA are PEM files. They are read at each connection, so that
	// renewed ones count from the next one on.
	Cert, Key, CA string
	// Caller is the SPIFFE id of the fulfilment service, as its certificate has it:
	// spiffe://<trust domain>/ns/<namespace>/sa/fulfilment. Nobody else is answered.
	Caller string
	// Report is told of faults of the team's functions, with their own text, which
	// stays here. Optional.
	Report func(error)
}

// maxMessage is the largest message taken: orders are beyond the usual limit where
// a system has many parts.
const maxMessage = 1 << 20

var errCaller = errors.New("certificate of another identity")

// NewServer makes a gRPC server with the one service. The caller starts and stops
// it.
func NewServer(cfg Config, d Data) (*grpc.Server, error) {
	if cfg.Caller == "" {
		return nil, errors.New("holder: a caller is needed")
	}
	if _, err := cfg.tls(); err != nil {
		return nil, err
	}
	s, err := newServer(d, cfg.Report)
	if err != nil {
		return nil, err
	}
	out := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return cfg.tls() },
	})), grpc.MaxRecvMsgSize(maxMessage), grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	holderv1.RegisterDataHolderServiceServer(out, s)
	return out, nil
}

func (c Config) tls() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("holder: read certificate: %w", err)
	}
	bundle, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("holder: read authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, errors.New("holder: read authorities: no certificate in the file")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{own},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			uris := state.PeerCertificates[0].URIs
			if len(uris) != 1 || uris[0].String() != c.Caller {
				return errCaller
			}
			return nil
		},
	}, nil
}

type server struct {
	holderv1.UnimplementedDataHolderServiceServer

	data        Data
	collections []Collection
	report      func(error)
}

func newServer(d Data, report func(error)) (*server, error) {
	s := &server{data: d, collections: d.Collections(), report: report}
	if s.report == nil {
		s.report = func(error) {}
	}
	var names []string
	for _, c := range s.collections {
		if c.Name == "" || slices.Contains(names, c.Name) {
			return nil, errors.New("holder: a collection has no name, or that of another")
		}
		names = append(names, c.Name)
		var fields []string
		for _, f := range c.Fields {
			if f.Name == "" || slices.Contains(fields, f.Name) {
				return nil, fmt.Errorf("holder: collection %s: a field has no name, or that of another", c.Name)
			}
			fields = append(fields, f.Name)
		}
	}
	if len(s.collections) == 0 {
		return nil, errors.New("holder: no collection is described")
	}
	return s, nil
}

// unary and stream turn a panic of the team's functions into a fault of the system.
func (s *server) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (out any, err error) {
	defer s.recovered(&err)
	return handle(ctx, req)
}

func (s *server) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer s.recovered(&err)
	return handle(srv, stream)
}

func (s *server) recovered(err *error) {
	if r := recover(); r != nil {
		s.report(fmt.Errorf("panic: %v", r))
		*err = status.Error(codes.Internal, "system failed")
	}
}

// told is an error as the caller may see it: without a text of the team's.
func (s *server) told(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	for _, own := range []error{errMoved, errStays, errShape} {
		if errors.Is(err, own) {
			return own
		}
	}
	s.report(err)
	switch {
	case errors.Is(err, ErrBusy):
		return status.Error(codes.Aborted, ErrBusy.Error())
	case errors.Is(err, ErrConstraint):
		return status.Error(codes.FailedPrecondition, ErrConstraint.Error())
	case errors.Is(err, ErrUnavailable):
		return status.Error(codes.Unavailable, ErrUnavailable.Error())
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	}
	return status.Error(codes.Internal, "system failed")
}

// DescribeData says what the team has described.
func (s *server) DescribeData(context.Context, *holderv1.DescribeDataRequest) (*holderv1.DescribeDataResponse, error) {
	out := &holderv1.DescribeDataResponse{}
	for _, c := range s.collections {
		described := &holderv1.DescribedCollection{Name: c.Name}
		for _, f := range c.Fields {
			described.Fields = append(described.Fields, &holderv1.DescribedField{Name: f.Name, Categories: f.Categories, Fixed: f.Fixed})
		}
		out.Collections = append(out.Collections, described)
	}
	return out, nil
}

// person reads who is looked for. Nobody is found by nothing.
func person(p *holderv1.Person) (Person, error) {
	out := Person{Tenant: p.GetTenant()}
	for _, i := range p.GetIdentifiers() {
		if i.GetKind() == "" || i.GetValue() == "" {
			return out, status.Error(codes.InvalidArgument, "an identifier is empty")
		}
		out.Identifiers = append(out.Identifiers, Identifier{Kind: i.GetKind(), Value: i.GetValue()})
	}
	if len(out.Identifiers) == 0 || out.Tenant == "" || len(p.GetDigestKey()) == 0 {
		return out, status.Error(codes.InvalidArgument, "a person needs tenant, identifiers and digest key")
	}
	if zone := p.GetZone(); zone != "" {
		var err error
		if out.Zone, err = time.LoadLocation(zone); err != nil {
			return out, status.Error(codes.InvalidArgument, "time zone is unknown")
		}
	}
	return out, nil
}

// show is a row as the caller gets it.
func (c Collection) show(r Row) (*holderv1.CollectDataResponse, error) {
	if len(r.Values) != len(c.Fields) || r.Key == "" {
		return nil, errShape
	}
	out := &holderv1.CollectDataResponse{Collection: c.Name, Shared: r.Shared}
	for i, f := range c.Fields {
		v, err := value(r.Values[i])
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, &holderv1.Field{Name: f.Name, Value: v})
	}
	return out, nil
}

func value(v any) (*holderv1.Value, error) {
	switch v := v.(type) {
	case nil:
		return &holderv1.Value{}, nil
	case bool:
		return &holderv1.Value{Kind: &holderv1.Value_Bool{Bool: v}}, nil
	case int64:
		return &holderv1.Value{Kind: &holderv1.Value_Int64{Int64: v}}, nil
	case float64:
		return &holderv1.Value{Kind: &holderv1.Value_Double{Double: v}}, nil
	case string:
		return &holderv1.Value{Kind: &holderv1.Value_Text{Text: v}}, nil
	case []byte:
		return &holderv1.Value{Kind: &holderv1.Value_Bytes{Bytes: v}}, nil
	case time.Time:
		return &holderv1.Value{Kind: &holderv1.Value_Time{Time: timestamppb.New(v)}}, nil
	}
	return nil, errShape
}
