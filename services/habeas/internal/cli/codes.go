package cli

import (
	"errors"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// code is a flag whose values are those that the contract lists for a field.
type code struct {
	to *string
	of []string
}

// codeFlag adds a flag for a field of a message. The contract has the list, so that
// no help and no check of it can lag behind.
func codeFlag(f *pflag.FlagSet, to *string, usual, help string, m proto.Message, field protoreflect.Name) {
	c := code{to: to}
	rules, ok := proto.GetExtension(m.ProtoReflect().Descriptor().Fields().ByName(field).Options(), validate.E_Field).(*validate.FieldRules)
	if ok {
		c.of = rules.GetString().GetIn()
	}
	*to = usual
	f.Var(c, string(field), help+": "+strings.Join(c.of, ", "))
}

// String is what was typed, as the contract spells it.
func (c code) String() string {
	if c.to == nil {
		return ""
	}
	return *c.to
}

// Set takes a value of the list, with hyphens as well.
func (c code) Set(text string) error {
	text = strings.ReplaceAll(text, "-", "_")
	if !slices.Contains(c.of, text) {
		return errors.New("one of " + strings.Join(c.of, ", "))
	}
	*c.to = text
	return nil
}

// Type is what help calls the value.
func (code) Type() string { return "code" }
