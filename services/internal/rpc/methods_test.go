package rpc_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
)

func TestAMethodWithoutAnnotationsStopsTheStart(t *testing.T) {
	w := prepare(t)
	w.config.Services = append(w.config.Services, rpc.Service{
		Desc: &collector.TraceService_ServiceDesc, Impl: collector.UnimplementedTraceServiceServer{},
	})
	_, err := rpc.NewServer(w.config)
	if want := "/opentelemetry.proto.collector.trace.v1.TraceService/Export: no access rule"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error that names the method", err)
	}
	bare := grpc.NewServer()
	collector.RegisterTraceServiceServer(bare, collector.UnimplementedTraceServiceServer{})
	samplev1.RegisterBookServiceServer(bare, w.book)
	if err := rpc.CheckMethods(bare.GetServiceInfo(), false); err == nil || strings.Contains(err.Error(), bookService) {
		t.Errorf("got %v, want an error about the one method", err)
	}
}

func TestAnIncompleteConfigurationStopsTheStart(t *testing.T) {
	for name, spoil := range map[string]func(*rpc.Config){
		"no TLS":                 func(c *rpc.Config) { c.TLS = nil },
		"no tokens":              func(c *rpc.Config) { c.Tokens = nil },
		"no health":              func(c *rpc.Config) { c.Health = nil },
		"no implementation":      func(c *rpc.Config) { c.Services[0].Impl = nil },
		"another implementation": func(c *rpc.Config) { c.Services[0].Impl = struct{}{} },
		"a service twice":        func(c *rpc.Config) { c.Services = append(c.Services, c.Services[0]) },
		"a service of no package": func(c *rpc.Config) {
			c.Services[0].Desc = &grpc.ServiceDesc{ServiceName: "x", Methods: []grpc.MethodDesc{{MethodName: "Y"}}}
		},
	} {
		w := prepare(t)
		spoil(&w.config)
		if _, err := rpc.NewServer(w.config); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}

func TestReflectionIsThereOnlyWhenAskedFor(t *testing.T) {
	for _, asked := range []bool{false, true} {
		w := newWorld(t, func(c *rpc.Config) { c.Reflection = asked })
		stream, err := w.dial(t, "").NewStream(with(t), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
			"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		err = stream.RecvMsg(&emptypb.Empty{})
		if there := status.Code(err) != codes.Unimplemented; there != asked {
			t.Errorf("asked for reflection: %t, got %v", asked, err)
		}
	}
}

func TestAnnotations(t *testing.T) {
	rule := func(reads optionsv1.DataClass, roles ...optionsv1.Role) *optionsv1.Access {
		return &optionsv1.Access{Roles: roles, Reads: reads}
	}
	none, product := optionsv1.DataClass_DATA_CLASS_NONE, optionsv1.Role_ROLE_PRODUCT
	stated := &optionsv1.Limits{MaxRequestBytes: 7, Deadline: durationpb.New(time.Minute), Idle: durationpb.New(time.Hour)}
	defaults := rpc.Limits{RequestBytes: 64 << 10, Deadline: 10 * time.Second, Idle: time.Minute}
	for name, row := range map[string]struct {
		access *optionsv1.Access
		limits *optionsv1.Limits
		want   rpc.Limits // zero: refused
	}{
		"both":                    {rule(none, product), stated, rpc.Limits{RequestBytes: 7, Deadline: time.Minute, Idle: time.Hour}},
		"empty limits":            {rule(none, product), &optionsv1.Limits{}, defaults},
		"no rule":                 {nil, stated, rpc.Limits{}},
		"no limits":               {rule(none, product), nil, rpc.Limits{}},
		"no role":                 {rule(none), stated, rpc.Limits{}},
		"an unspecified role":     {rule(none, product, 0), stated, rpc.Limits{}},
		"no class of data":        {rule(0, product), stated, rpc.Limits{}},
		"an empty rule as a rule": {&optionsv1.Access{}, stated, rpc.Limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rpc.Annotate(annotated(t, row.access, row.limits))
			if row.want == (rpc.Limits{}) {
				if err == nil {
					t.Error("accepted")
				}
				return
			}
			if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// annotated makes a method with the given options.
func annotated(t *testing.T, access *optionsv1.Access, limits *optionsv1.Limits) protoreflect.MethodDescriptor {
	t.Helper()
	options := &descriptorpb.MethodOptions{}
	if access != nil {
		proto.SetExtension(options, optionsv1.E_Access, access)
	}
	if limits != nil {
		proto.SetExtension(options, optionsv1.E_Limits, limits)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("x.proto"), Package: proto.String("x"), MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String("Call"), InputType: proto.String(".x.M"), OutputType: proto.String(".x.M"), Options: options,
		}}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0).Methods().Get(0)
}

func TestAStepUpCountsForTenMinutes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for age, want := range map[time.Duration]bool{
		0: true, 10 * time.Minute: true, 10*time.Minute + 1: false, -30 * time.Second: true, -time.Minute: false,
	} {
		if rpc.Fresh(now.Add(-age), now) != want {
			t.Errorf("a step-up %s ago counts: %t", age, !want)
		}
	}
	if rpc.Fresh(time.Time{}, time.Time{}) {
		t.Error("no step-up counts as one")
	}
}

func TestARuleDecidesByRoleAndStepUp(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	agent, service := optionsv1.Role_ROLE_AGENT, optionsv1.Role_ROLE_SERVICE
	rule := &optionsv1.Access{Roles: []optionsv1.Role{agent, service}, StepUp: true}
	subject := optionsv1.Role_ROLE_SUBJECT
	shared := &optionsv1.Access{Roles: []optionsv1.Role{agent, subject}, StepUp: true}
	plain := &optionsv1.Access{Roles: []optionsv1.Role{service}}
	who := func(stepUp time.Time, roles ...optionsv1.Role) rpc.Principal {
		return rpc.Principal{Roles: auth.RolesOf(roles...), StepUpAt: stepUp}
	}
	for name, row := range map[string]struct {
		rule *optionsv1.Access
		who  rpc.Principal
		want string
	}{
		"an agent after a step-up":           {rule, who(now.Add(-time.Minute), agent), ""},
		"an agent long after a step-up":      {rule, who(now.Add(-time.Hour), agent), "STEP_UP_REQUIRED"},
		"an agent without a step-up":         {rule, who(time.Time{}, agent), "STEP_UP_REQUIRED"},
		"a person, for their own data":       {shared, who(time.Time{}, subject), ""},
		"a person who is staff as well":      {shared, who(time.Time{}, subject, agent), "STEP_UP_REQUIRED"},
		"a service without a person":         {rule, who(time.Time{}, service), "STEP_UP_REQUIRED"},
		"another role after a step-up":       {rule, who(now, optionsv1.Role_ROLE_DPO), "ROLE_REQUIRED"},
		"a service where services may call":  {plain, who(time.Time{}, service), ""},
		"a person where services may call":   {plain, who(now, agent), "ROLE_REQUIRED"},
		"nobody":                             {plain, rpc.Principal{}, "ROLE_REQUIRED"},
		"anybody where the rule has no role": {&optionsv1.Access{}, who(now, agent, service), "ROLE_REQUIRED"},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *fault.Fault
			got := ""
			if errors.As(rpc.Authorise(row.rule, row.who, now), &refused) {
				got = refused.Reason()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
