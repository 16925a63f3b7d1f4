package rpc

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/auth"
)

// Limits are what a method may use when its annotation does not say.
type Limits struct {
	// RequestBytes is the largest request message; zero means 64 KiB.
	RequestBytes int
	// Deadline is the longest time for a unary call; zero means 10 s.
	Deadline time.Duration
	// Idle is the longest silence on a stream; zero means 60 s.
	Idle time.Duration
}

func (l Limits) orDefaults() Limits {
	return Limits{
		RequestBytes: cmp.Or(l.RequestBytes, 64<<10),
		Deadline:     cmp.Or(l.Deadline, 10*time.Second),
		Idle:         cmp.Or(l.Idle, 60*time.Second),
	}
}

// method is everything that is known of a method before anyone calls it.
type method struct {
	name    string // /package.Service/Method
	input   protoreflect.MessageDescriptor
	access  *optionsv1.Access
	roles   auth.Roles
	callers map[string]bool
	limits  Limits
	// capped: a stream has a deadline only if its annotation states one.
	capped bool
	// cards is where its requests are searched for numbers of payment cards.
	cards *searched
	// rate is how its calls are counted.
	rate optionsv1.Rate
	// even: its answers leave at even times.
	even bool
	// open: a health check, which needs no credentials and no deadline.
	open    bool
	metrics methodMetrics
}

// describe reads a method's annotations from the contract.
func describe(service, name string, defaults Limits) (*method, error) {
	m := &method{name: "/" + service + "/" + name}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return nil, fmt.Errorf("%s: not in the contract", m.name)
	}
	described, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s: not a method of the contract", m.name)
	}
	m.input = described.Input()
	m.cards = search(m.input, map[protoreflect.FullName]*searched{})
	if service == healthpb.Health_ServiceDesc.ServiceName {
		m.open, m.limits = true, defaults
		m.limits.Idle = never // a watcher waits for news, however long
		return m, nil
	}
	return m, m.annotate(described, defaults)
}

func (m *method) annotate(d protoreflect.MethodDescriptor, defaults Limits) error {
	access, _ := proto.GetExtension(d.Options(), optionsv1.E_Access).(*optionsv1.Access)
	limits, _ := proto.GetExtension(d.Options(), optionsv1.E_Limits).(*optionsv1.Limits)
	if !proto.HasExtension(d.Options(), optionsv1.E_Access) || !proto.HasExtension(d.Options(), optionsv1.E_Limits) {
		return fmt.Errorf("%s: no access rule or no limits", m.name)
	}
	m.rate = limits.GetRate()
	m.access, m.roles = access, auth.RolesOf(access.GetRoles()...)
	if m.roles == 0 || slices.Contains(access.GetRoles(), optionsv1.Role_ROLE_UNSPECIFIED) {
		return fmt.Errorf("%s: the access rule names no role, or an unspecified one", m.name)
	}
	if access.GetReads() == optionsv1.DataClass_DATA_CLASS_UNSPECIFIED {
		return fmt.Errorf("%s: the access rule does not say what is read", m.name)
	}
	stated := limits.GetDeadline().AsDuration()
	m.capped = stated > 0 || !d.IsStreamingClient() && !d.IsStreamingServer()
	m.limits = Limits{
		RequestBytes: cmp.Or(int(limits.GetMaxRequestBytes()), defaults.RequestBytes),
		Deadline:     cmp.Or(stated, defaults.Deadline),
		Idle:         cmp.Or(limits.GetIdle().AsDuration(), defaults.Idle),
	}
	return nil
}

// CheckMethods walks what is registered on a gRPC server, in the form of
// grpc.Server.GetServiceInfo, and returns an error that names every method
// without an access rule and limits. Health checks need none. Reflection is
// accepted only where it is asked for.
func CheckMethods(registered map[string]grpc.ServiceInfo, reflection bool) error {
	var wrong []error
	for _, service := range slices.Sorted(maps.Keys(registered)) {
		if reflection && isReflection(service) {
			continue
		}
		for _, m := range registered[service].Methods {
			if _, err := describe(service, m.Name, Limits{}); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("check methods: %w", err)
	}
	return nil
}

func isReflection(service string) bool {
	return service == "grpc.reflection.v1.ServerReflection" || service == "grpc.reflection.v1alpha.ServerReflection"
}
