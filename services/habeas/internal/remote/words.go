package remote

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
)

// patterns are the contract's patterns that people meet, in words.
func patterns() map[string]string {
	const (
		id    = "must be an id as commands print it: 26 small letters and digits"
		name  = "must be a name of small letters, digits, dots, hyphens and underscores that begins with a letter"
		short = "must be a name of small letters, digits and hyphens that begins with a letter"
		ref   = "must be a reference without blanks, such as form:7"
	)
	return map[string]string{
		"[a-z2-7]{25}[aeimquy4]": id, "([a-z2-7]{25}[aeimquy4])?": id,
		"[a-z][a-z0-9-]{0,62}": short, "([a-z][a-z0-9-]{0,62})?": short,
		"[a-z][a-z0-9_-]{0,62}": name, "[a-z][a-z0-9_.]{0,126}": name, "[a-z][a-z0-9_.]{0,62}": name, "([a-z][a-z0-9_.]{0,62})?": name,
		"[a-z][a-z0-9_]{0,62}": name, "[a-z][a-z0-9_.-]{0,62}": name, "[a-z][a-z0-9_]{0,30}": "must be a name of small letters, digits and underscores that begins with a letter",
		"[A-Za-z0-9][A-Za-z0-9:_./-]{0,127}": ref, "([A-Za-z0-9][A-Za-z0-9:_./-]{0,127})?": ref,
		"([0-9]{4}-[0-9]{2}-[0-9]{2})?": "must be a date such as 2011-05-30",
		"[0-9a-f]{64}":                  "must be a SHA-256 in 64 hexadecimal digits",
		"([!-~]+@[!-~]+)?":              "must be an e-mail address alone, of ASCII letters",
		"https://[!-~]+":                "must be an https address",
		"(contract|declaration|form|oath|profession)[:-][A-Za-z0-9][A-Za-z0-9:_./-]{0,113}": "must be what shows it and its number there, such as contract:7: a contract, declaration, form, oath or profession",
	}
}

// inWords is a description of what is wrong with a field, without the pattern of
// the contract where that can be said in words.
func inWords(description string) string {
	_, pattern, found := strings.Cut(description, "does not match regex pattern `^")
	if words := patterns()[strings.TrimSuffix(pattern, "$`")]; found && words != "" {
		return words
	}
	return description
}

// lacksRole says of a call that was refused for want of a role which roles the
// contract lets in; other errors stay as they are.
func lacksRole(err error, method string) error {
	s, ok := status.FromError(err)
	if err == nil || !ok || s.Code() != codes.PermissionDenied {
		return err
	}
	e := read(s)
	if e.Reason == "ROLE_REQUIRED" {
		e.Roles = rolesOf(method)
	}
	return e
}

// rolesOf are the roles of people that a method lets in.
func rolesOf(method string) (roles []string) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")))
	if err != nil {
		return nil
	}
	access, _ := proto.GetExtension(d.Options(), optionsv1.E_Access).(*optionsv1.Access)
	for _, r := range access.GetRoles() {
		if r != optionsv1.Role_ROLE_SERVICE {
			roles = append(roles, strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_")))
		}
	}
	return roles
}
