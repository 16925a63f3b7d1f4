package rpc

import (
	"errors"
	"fmt"
	"slices"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
)

var (
	// errKeyForbidden: the calling service has no business with such keys.
	errKeyForbidden = errors.New("service may not have keys of this holder and class")
	// errKeyPurpose: it has, but not for what it says.
	errKeyPurpose = errors.New("service may not have these keys for this purpose")
)

// keyRight lets a service have the keys of one kind of holder and class, for
// the purposes that it has with them.
type keyRight struct {
	holder   seal.Kind
	class    sealv1.KeyClass
	purposes []string
	// of says which holder of the kind it is, where it is one; nil: any.
	of func(tenant string) string
}

// covers reports whether the right is one to a key.
func (r keyRight) covers(id seal.KeyID) bool {
	return r.holder == id.Holder.Kind() && r.class == id.Class && (r.of == nil || r.of(id.Tenant) == id.Holder.Ref())
}

// tokens is the holder under whose keys consent seals the tokens of a tenant: no
// conversation of anybody's.
func tokens(tenant string) string { return es.DeriveID(tenant, unsubscribe, "") }

// unsubscribe is what consent has those keys for.
const unsubscribe = "unsubscribe"

// keyRights is who gets which keys. A service that is taken over opens what
// stands here and nothing else; what it seals for nobody else needs no row of
// anybody else's. Identity itself asks its vault and not this service. Retention
// keeps no personal data: it has keys for digests alone. Consent has those of the
// tokens by which people unsubscribe besides. A product, which is no service, has
// those of conversations by GetMessageKey alone.
func keyRights() map[string][]keyRight {
	return map[string][]keyRight{
		"consent": {{seal.Conversation, sealv1.KeyClass_KEY_CLASS_MESSAGE, []string{unsubscribe}, tokens}},
		"fulfilment": {
			{seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST, []string{"record", "fulfilment"}, nil},
			{seal.Request, sealv1.KeyClass_KEY_CLASS_PACKAGE, []string{"record", "package"}, nil},
		},
	}
}

// mayHave refuses a call in which any of the wants goes beyond what its caller
// has a right to. Then none is handed out.
func mayHave(service, purpose string, wants []keycache.Want) error {
	rights := keyRights()[service]
	for _, w := range wants {
		i := slices.IndexFunc(rights, func(r keyRight) bool { return r.covers(w.ID) })
		if i < 0 {
			return fmt.Errorf("get keys: %w", errKeyForbidden)
		}
		if !slices.Contains(rights[i].purposes, purpose) {
			return fmt.Errorf("get keys: %w", errKeyPurpose)
		}
	}
	return nil
}

// mayEnd refuses the end of a key that is not the calling service's to end: of
// a subject, which is ended by ForgetSubject, or of what it has nothing to do
// with. It may end more than it may read.
func mayEnd(service string, id seal.KeyID) error {
	ends := map[string][]keyRight{
		"fulfilment": {
			{holder: seal.Request, class: sealv1.KeyClass_KEY_CLASS_REQUEST},
			{holder: seal.Request, class: sealv1.KeyClass_KEY_CLASS_EVIDENCE},
			{holder: seal.Request, class: sealv1.KeyClass_KEY_CLASS_PACKAGE},
		},
		"retention": {{holder: seal.Conversation, class: sealv1.KeyClass_KEY_CLASS_MESSAGE}},
	}
	if !slices.ContainsFunc(ends[service], func(r keyRight) bool { return r.covers(id) }) || id.Holder.Ref() == tokens(id.Tenant) {
		return fmt.Errorf("destroy keys: %w", errKeyForbidden)
	}
	return nil
}
