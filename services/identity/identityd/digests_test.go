package identityd_test

import (
	"context"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/protobuf/proto"
)

// borrowed are the peppers that a service was lent.
type borrowed struct{ set pepper.Set }

func (b borrowed) Set(context.Context, string) (pepper.Set, error)   { return b.set, nil }
func (b borrowed) Fresh(context.Context, string) (pepper.Set, error) { return b.set, nil }

// TestNoOtherServiceFindsAnErasedPersonByTheDigestOfACommand guesses right at
// the first try. TestNobodyFindsAValueByADigestOfAnotherService has the twin,
// which holds identity's own pepper and finds.
func TestNoOtherServiceFindsAnErasedPersonByTheDigestOfACommand(t *testing.T) {
	w, d := found(t)
	number := phone("+493012340777")
	ref := d.register(t, number)
	d.forget(t, ref)
	seen, first := 0, map[string]string{}
	for _, service := range []string{"consent", "fulfilment", "retention"} {
		var set pepper.Set
		for _, k := range must(d.service(t, service, tenant).GetDigestKeys(deadline(t), &identityv1.GetDigestKeysRequest{}))(t).GetKeys() {
			set = append(set, must(pepper.NewPepper(k.GetEpoch(), k.GetMaterial()))(t))
		}
		if other, taken := first[string(set[0].Material())]; taken {
			t.Errorf("%s and %s have one pepper", service, other)
		}
		first[string(set[0].Material())] = service
		log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
		for r, err := range log.Load(t.Context(), es.Aggregate{Context: identityd.Context, Tenant: tenant, Type: "subject", ID: ref}, 0, es.Leader) {
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Digest) == 0 {
				continue
			}
			body := must(proto.MarshalOptions{Deterministic: true}.Marshal(&identityv1.RegisterSubjectRequest{
				RequestId: r.CommandID, Identifiers: []*identityv1.Identifier{number},
			}))(t)
			if same, err := pepper.DigestWith(borrowed{set}).Same(t.Context(), tenant, r.Digest, body); err != nil || same {
				t.Errorf("%s finds the number of the erased person (%v)", service, err)
			}
			seen++
		}
	}
	if seen == 0 {
		t.Error("no digest was seen")
	}
}
