package rpc

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"habeas.internal/services/internal/rpc/fault"
)

// newValidator compiles the rules of all messages at once, so that a broken
// rule stops the process and no call pays for compiling.
func newValidator(inputs []protoreflect.MessageDescriptor) (protovalidate.Validator, error) {
	v, err := protovalidate.New(protovalidate.WithMessageDescriptors(inputs...), protovalidate.WithDisableLazy())
	if err != nil {
		return nil, fmt.Errorf("compile validation rules: %w", err)
	}
	for _, input := range inputs {
		var broken *protovalidate.CompilationError
		if err := v.Validate(dynamicpb.NewMessage(input)); errors.As(err, &broken) {
			return nil, fmt.Errorf("compile validation rules of %s: %w", input.FullName(), err)
		}
	}
	return v, nil
}

var errRuleFailed = errors.New("a validation rule could not be evaluated")

// validate applies the contract's rules. The validator's own errors are
// replaced, since they may hold values.
func (s *Server) validate(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return errRuleFailed
	}
	err := s.validator.Validate(m)
	if err == nil {
		return nil
	}
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return errRuleFailed
	}
	return fault.Violations(broken.Violations)
}
