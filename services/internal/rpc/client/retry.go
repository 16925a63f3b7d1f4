package client

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The parts of gRPC's service config that are used here.
type (
	config struct {
		Balancing  []map[string]struct{} `json:"loadBalancingConfig"`
		Methods    []methodConfig        `json:"methodConfig,omitempty"`
		Throttling throttling            `json:"retryThrottling"`
	}
	methodConfig struct {
		Names []methodName `json:"name"`
		Retry retryPolicy  `json:"retryPolicy"`
	}
	methodName struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	retryPolicy struct {
		Attempts   int      `json:"maxAttempts"`
		Initial    string   `json:"initialBackoff"`
		Max        string   `json:"maxBackoff"`
		Multiplier float64  `json:"backoffMultiplier"`
		Codes      []string `json:"retryableStatusCodes"`
	}
	// throttling stops retries when more than about half of the calls fail, so
	// that a server in trouble is not buried.
	throttling struct {
		MaxTokens int     `json:"maxTokens"`
		Ratio     float64 `json:"tokenRatio"`
	}
)

func serviceConfig(services []string) (string, error) {
	c := config{
		Balancing:  []map[string]struct{}{{"round_robin": {}}},
		Throttling: throttling{MaxTokens: 10, Ratio: 0.1},
	}
	var names []methodName
	for _, service := range services {
		found, err := repeatable(service)
		if err != nil {
			return "", err
		}
		names = append(names, found...)
	}
	if len(names) > 0 {
		c.Methods = []methodConfig{{Names: names, Retry: retryPolicy{
			Attempts: 4, Initial: "0.05s", Max: "1s", Multiplier: 2, Codes: []string{"UNAVAILABLE"},
		}}}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("write service config: %w", err)
	}
	return string(text), nil
}

// repeatable lists the methods of a service that may be called again.
func repeatable(service string) ([]methodName, error) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, fmt.Errorf("find %s in the contract: %w", service, err)
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("find %s in the contract: not a service", service)
	}
	var names []methodName
	for i := range described.Methods().Len() {
		if m := described.Methods().Get(i); harmless(m) {
			names = append(names, methodName{service, string(m.Name())})
		}
	}
	return names, nil
}

func harmless(m protoreflect.MethodDescriptor) bool {
	if m.IsStreamingClient() || m.IsStreamingServer() {
		return false
	}
	options, ok := m.Options().(*descriptorpb.MethodOptions)
	if ok && options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN {
		return true
	}
	return m.Input().Fields().ByName("request_id") != nil
}
