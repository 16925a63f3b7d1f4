package rpc

import (
	"context"
	"fmt"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/rpc/fault"
)

// Values are stored and found in one spelling. What can't be brought into it is
// refused, so that two people are never one by a look-alike, nor one person two
// by a space.

// kindOf is the code of a kind, such as "email".
func kindOf(k identityv1.IdentifierKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "IDENTIFIER_KIND_"))
}

// kindFrom is the contract's name of a kind's code.
func kindFrom(kind string) identityv1.IdentifierKind {
	return identityv1.IdentifierKind(identityv1.IdentifierKind_value["IDENTIFIER_KIND_"+strings.ToUpper(kind)])
}

// normal brings an identifier into its one spelling; field is its path in the
// request.
func normal(field string, i *identityv1.Identifier) (registry.Value, error) {
	text, problem := identifier.Normal(kindOf(i.GetKind()), i.GetValue())
	if problem != nil {
		return registry.Value{}, fault.FieldErrors{{Field: field + ".value", Rule: problem.Rule, Text: problem.Text}}
	}
	return registry.Value{Kind: kindOf(i.GetKind()), Text: text}, nil
}

// normal is the same, and knows the kinds that the tenant has declared.
func (s *Subjects) normal(ctx context.Context, field string, i *identityv1.Identifier) (registry.Value, error) {
	v, err := normal(field, i)
	if err != nil {
		return v, err
	}
	return declared(ctx, s.Directory, field, v)
}

// normalAll refuses what is malformed and what comes twice.
func (s *Subjects) normalAll(ctx context.Context, field string, all []*identityv1.Identifier) ([]registry.Value, error) {
	var out []registry.Value
	seen := map[registry.Value]bool{}
	for n, i := range all {
		at := fmt.Sprintf("%s[%d]", field, n)
		v, err := s.normal(ctx, at, i)
		if err != nil {
			return nil, err
		}
		if seen[v] {
			return nil, fault.FieldErrors{{Field: at, Rule: "UNIQUE", Text: "comes twice"}}
		}
		seen[v] = true
		out = append(out, v)
	}
	return out, nil
}
