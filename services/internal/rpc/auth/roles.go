package auth

import (
	"strings"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
)

// Roles is a set of roles.
type Roles uint64

// RolesOf makes a set. ROLE_UNSPECIFIED is in no set.
func RolesOf(roles ...optionsv1.Role) Roles {
	var set Roles
	for _, r := range roles {
		if r > optionsv1.Role_ROLE_UNSPECIFIED && r < 64 {
			set |= 1 << r
		}
	}
	return set
}

// Has reports whether the role is in the set.
func (s Roles) Has(role optionsv1.Role) bool { return s&RolesOf(role) != 0 }

// Intersects reports whether the sets share a role.
func (s Roles) Intersects(other Roles) bool { return s&other != 0 }

// roleNames maps the words of a token's roles claim to roles: "dpo" to
// ROLE_DPO. The role of a service is not among them, because only a
// certificate makes a caller a service.
func roleNames() map[string]optionsv1.Role {
	names := map[string]optionsv1.Role{}
	for number, name := range optionsv1.Role_name {
		role := optionsv1.Role(number)
		if role != optionsv1.Role_ROLE_UNSPECIFIED && role != optionsv1.Role_ROLE_SERVICE {
			names[strings.ToLower(strings.TrimPrefix(name, "ROLE_"))] = role
		}
	}
	return names
}
