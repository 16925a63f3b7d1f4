package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"buf.build/go/protovalidate"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/reflect/protoreflect"

	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/mtls"
)

// Service is a generated description and the value that implements it.
type Service struct {
	Desc *grpc.ServiceDesc
	Impl any
}

// Config is everything a server needs. Optional fields say so.
type Config struct {
	// Services are served, and nothing besides them but health checks.
	Services []Service
	// Health answers health checks, for whoever can connect.
	Health healthpb.HealthServer
	// TLS identifies this server and the services that call it.
	TLS *mtls.Source
	// Tokens verifies bearer tokens.
	Tokens *auth.Verifier
	// Callers says which services may call: their names, by the full name of
	// the gRPC service. A gRPC service that is not listed takes no calls from
	// other services, whatever roles its methods allow. A list by the full name
	// of a method counts for that method instead. Optional.
	Callers map[string][]string
	// Errors are this service's rows; fault.BaseTable's follow them.
	Errors fault.Table
	// Defaults are the limits of methods that state none. Optional.
	Defaults Limits
	// Reflection lets callers list the methods. For development only.
	Reflection bool
	// Limit is asked after the access rule whether the call may go on, with the
	// principal in ctx. Its error goes through the table. Optional.
	Limit func(ctx context.Context, method string) error
	// Even holds answers back whose time would tell something. Optional.
	Even Even
	// Rates counts calls against limits of rate. Optional.
	Rates Rates
	// Reads records whose personal data is read, before it leaves. Required when
	// a method reads any.
	Reads ReadLog
	// Staff says which people may see others' personal data. Required when a
	// method reads any.
	Staff Staff
	// Unary and Stream run last, closest to the handler. Optional.
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor

	Tracers    trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator
	Log        *slog.Logger
	// Now is the clock for the age of a step-up.
	Now func() time.Time
}

// Server serves gRPC, guarded. Make one with NewServer.
type Server struct {
	cfg       Config
	grpc      *grpc.Server
	faults    *fault.Mapper
	validator protovalidate.Validator
	metrics   *metrics
	draining  chan struct{}
	drain     func()
	streams   sync.WaitGroup
	refused   pace
}

// NewServer checks everything that can be wrong before the first call: methods
// without an access rule or limits, validation rules that do not compile,
// incomplete rows of the error table, values that do not implement what they
// are registered for. An error means that the process must not start.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, draining: make(chan struct{})}
	s.drain = sync.OnceFunc(func() { close(s.draining) })
	cfg.Services = append(slices.Clone(cfg.Services), Service{&healthpb.Health_ServiceDesc, cfg.Health})
	methods, err := s.describe(cfg)
	if err != nil {
		return nil, err
	}
	if s.faults, err = slices.Concat(cfg.Errors, tokenTable(), fault.BaseTable()).Compile(); err != nil {
		return nil, err
	}
	if s.validator, err = newValidator(inputs(methods)); err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(cfg.Meters, methods); err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(s.options(methods)...)
	if err := s.register(cfg.Services, methods); err != nil {
		return nil, err
	}
	return s, CheckMethods(s.grpc.GetServiceInfo(), cfg.Reflection)
}

func (c Config) check() error {
	for name, missing := range map[string]bool{
		"TLS": c.TLS == nil, "Tokens": c.Tokens == nil, "Health": c.Health == nil, "Log": c.Log == nil, "Now": c.Now == nil,
		"Tracers": c.Tracers == nil, "Meters": c.Meters == nil, "Propagator": c.Propagator == nil,
	} {
		if missing {
			return fmt.Errorf("make server: %s is not set", name)
		}
	}
	return nil
}

// methodSet holds the methods by their full name.
type methodSet map[string]*method

// describe reads the annotations of all methods to be served.
func (s *Server) describe(cfg Config) (methodSet, error) {
	methods := methodSet{}
	var wrong []error
	for _, service := range cfg.Services {
		for _, name := range methodNames(service.Desc) {
			m, err := describe(service.Desc.ServiceName, name, cfg.Defaults.orDefaults())
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			if m.logged() && cfg.Reads == nil {
				wrong = append(wrong, fmt.Errorf("%s: reads personal data, and there is no read log", m.name))
			}
			if m.logged() && cfg.Staff == nil {
				wrong = append(wrong, fmt.Errorf("%s: reads personal data, and nobody says who may", m.name))
			}
			if methods[m.name] != nil {
				wrong = append(wrong, fmt.Errorf("%s: registered twice", m.name))
			}
			m.callers, methods[m.name] = callersOf(cfg.Callers, service.Desc.ServiceName, m.name), m
		}
	}
	if err := errors.Join(append(wrong, cfg.Even.mark(methods))...); err != nil {
		return nil, fmt.Errorf("check methods: %w", err)
	}
	return methods, nil
}

// callersOf are the services that may call a method.
func callersOf(lists map[string][]string, service, method string) map[string]bool {
	list, own := lists[method]
	if !own {
		list = lists[service]
	}
	out := map[string]bool{}
	for _, name := range list {
		out[name] = true
	}
	return out
}

func methodNames(desc *grpc.ServiceDesc) []string {
	var names []string
	for _, m := range desc.Methods {
		names = append(names, m.MethodName)
	}
	for _, m := range desc.Streams {
		names = append(names, m.StreamName)
	}
	return names
}

func inputs(methods methodSet) []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	for _, m := range methods {
		all = append(all, m.input)
	}
	return all
}

// register puts the guard around every handler and registers the result.
func (s *Server) register(services []Service, methods methodSet) error {
	for _, service := range services {
		wanted := reflect.TypeOf(service.Desc.HandlerType).Elem()
		if service.Impl == nil || !reflect.TypeOf(service.Impl).Implements(wanted) {
			return fmt.Errorf("register %s: no implementation of it", service.Desc.ServiceName)
		}
		s.grpc.RegisterService(s.guard(service.Desc, methods), service.Impl)
	}
	if s.cfg.Reflection {
		reflection.Register(s.grpc)
	}
	return nil
}

// guard returns a copy of desc whose handlers are guarded.
func (s *Server) guard(desc *grpc.ServiceDesc, methods methodSet) *grpc.ServiceDesc {
	guarded := *desc
	guarded.Methods, guarded.Streams = slices.Clone(desc.Methods), slices.Clone(desc.Streams)
	for i, m := range guarded.Methods {
		guarded.Methods[i].Handler = s.unary(methods["/"+desc.ServiceName+"/"+m.MethodName], m.Handler)
	}
	for i, m := range guarded.Streams {
		guarded.Streams[i].Handler = s.stream(methods["/"+desc.ServiceName+"/"+m.StreamName], m)
	}
	return &guarded
}

// Serve takes calls from lis until Stop. It returns nil after Stop.
func (s *Server) Serve(lis net.Listener) error {
	if err := s.grpc.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return nil
}

// Stop takes no new calls and lets those under way finish. At half of the time
// that ctx leaves, open streams are told to come back elsewhere; when ctx ends
// everything is cut off.
func (s *Server) Stop(ctx context.Context) error {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.grpc.GracefulStop()
		s.streams.Wait()
	}()
	patience := time.NewTimer(half(ctx))
	defer patience.Stop()
	for {
		select {
		case <-finished:
			return nil
		case <-patience.C:
			s.drain()
		case <-ctx.Done():
			s.drain()
			s.grpc.Stop()
			return fmt.Errorf("stop gRPC: calls were cut off: %w", ctx.Err())
		}
	}
}

func half(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(end)/2, 0)
}
