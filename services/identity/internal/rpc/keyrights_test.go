package rpc

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"

	"github.com/google/go-cmp/cmp"
)

// reviewed is every combination that is let through: service, holder, class,
// purpose. A new line here is a decision that somebody has looked at.
func reviewed() []string {
	return []string{
		"fulfilment request package package",
		"fulfilment request package record",
		"fulfilment request request fulfilment",
		"fulfilment request request record",
	}
}

func holders(t *testing.T) []seal.Holder {
	t.Helper()
	var out []seal.Holder
	for _, kind := range []seal.Kind{seal.Subject, seal.Request, seal.Agent} {
		h, err := seal.RandomHolder(kind, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	ref, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := seal.NewConversation(ref, "202611")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, h)
}

func want(h seal.Holder, class sealv1.KeyClass) keycache.Want {
	return keycache.Want{ID: seal.KeyID{Tenant: "acme", Holder: h, Class: class}}
}

func TestEveryServiceGetsTheKeysThatWereReviewedAndNoOthers(t *testing.T) {
	services := []string{"", "identity", "consent", "retention", "fulfilment", "audit", "gateway", "habeas", "stranger"}
	purposes := []string{"", "record", "fulfilment", "package", "lookup", "verification", "erasure", "case-handling"}
	var got []string
	for _, service := range services {
		for _, h := range holders(t) {
			for _, class := range seal.Classes() {
				for _, purpose := range purposes {
					if mayHave(service, purpose, []keycache.Want{want(h, class)}) == nil {
						got = append(got, service+" "+string(h.Kind())+" "+seal.ClassName(class)+" "+purpose)
					}
				}
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(reviewed(), got); diff != "" {
		t.Errorf("let through (-reviewed +got):\n%s", diff)
	}
}

func TestOneKeyTooManyRefusesTheWholeCall(t *testing.T) {
	h := holders(t)
	good, other := want(h[1], sealv1.KeyClass_KEY_CLASS_REQUEST), want(h[0], sealv1.KeyClass_KEY_CLASS_PROFILE)
	if err := mayHave("fulfilment", "record", []keycache.Want{good, other}); !errors.Is(err, errKeyForbidden) {
		t.Errorf("a subject's key among others: %v", err)
	}
	if err := mayHave("fulfilment", "package", []keycache.Want{good}); !errors.Is(err, errKeyPurpose) {
		t.Errorf("another purpose: %v", err)
	}
	if err := mayHave("fulfilment", "record", []keycache.Want{good, good}); err != nil {
		t.Errorf("its own keys: %v", err)
	}
}

func TestAServiceEndsTheKeysThatAreItsOwnToEndAndNoOthers(t *testing.T) {
	var got []string
	for _, service := range []string{"", "identity", "consent", "retention", "fulfilment", "audit", "stranger"} {
		for _, h := range holders(t) {
			for _, class := range seal.Classes() {
				if mayEnd(service, want(h, class).ID) == nil {
					got = append(got, service+" "+string(h.Kind())+" "+seal.ClassName(class))
				}
			}
		}
	}
	slices.Sort(got)
	reviewed := []string{"fulfilment request evidence", "fulfilment request package", "fulfilment request request", "retention conversation message"}
	if diff := cmp.Diff(reviewed, got); diff != "" {
		t.Errorf("let through (-reviewed +got):\n%s", diff)
	}
}

func TestConsentHasTheKeysOfItsTokensAndOfNoConversation(t *testing.T) {
	token, err := seal.NewConversation(tokens("acme"), "2026")
	if err != nil {
		t.Fatal(err)
	}
	talk := holders(t)[len(holders(t))-1]
	const message = sealv1.KeyClass_KEY_CLASS_MESSAGE
	if err := mayHave("consent", unsubscribe, []keycache.Want{want(token, message)}); err != nil {
		t.Errorf("its tokens: %v", err)
	}
	if err := mayHave("consent", unsubscribe, []keycache.Want{want(talk, message)}); !errors.Is(err, errKeyForbidden) {
		t.Errorf("a conversation: %v", err)
	}
	if err := mayEnd("retention", want(token, message).ID); !errors.Is(err, errKeyForbidden) {
		t.Errorf("retention ends the key of tokens: %v", err)
	}
}
