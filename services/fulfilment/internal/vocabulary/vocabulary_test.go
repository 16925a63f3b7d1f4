package vocabulary_test

import (
	"errors"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/vocabulary"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const policy = `categories:
  - {id: visitor.email}
  - {id: billing}
  - {id: leave}
retention:
  - {rule: invoices, category: user.financial}
  - {rule: addresses, category: billing.address}
  - {rule: calls, category: user.contact.phone_number, systems: [callcentre]}
`

func known(t *testing.T, document string) (vocabulary.Known, *fake.World) {
	t.Helper()
	w := fake.NewWorld(t)
	w.Peers.Document = document
	k, err := vocabulary.New(w.Peers, w.Peers).Of(t.Context(), fake.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	return k, w
}

func TestACategoryIsJudgedByWhoNamesIt(t *testing.T) {
	k, _ := known(t, policy)
	for _, tc := range []struct {
		name, system, category string
		want                   error
	}{
		{"a policy names it", "shop", "visitor.email", nil},
		{"a policy names what it is part of, and no rule keeps another part", "shop", "visitor.email.work", nil},
		{"a policy names what it is part of, and a rule keeps another part", "shop", "billing.adress", vocabulary.ErrUnknown},
		{"a rule names it", "shop", "billing.address", nil},
		{"a rule names what it is part of", "shop", "billing.address.street", nil},
		{"the standard names it", "shop", "user.content.private", nil},
		{"it is a slip of the pen for what must be kept", "shop", "user.finacial", vocabulary.ErrUnknown},
		{"it is a slip of the pen in its first part", "shop", "usr.financial", vocabulary.ErrUnknown},
		{"nobody names it", "shop", "diary", vocabulary.ErrUnknown},
		{"a rule keeps a part of it", "shop", "user", vocabulary.ErrTooWide},
		{"a rule of the policy keeps a part of what the policy names", "shop", "billing", vocabulary.ErrTooWide},
		{"a rule of this system keeps a part of it", "callcentre", "user.contact", vocabulary.ErrTooWide},
		{"a rule of another system keeps a part of it", "shop", "user.contact", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := k.Judge(tc.system, tc.category); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestRemarksNameTheColumnAndTheNearestNames(t *testing.T) {
	k, _ := known(t, policy)
	d, err := dataset.Parse([]byte(`dataset:
  - fides_key: shop
    collections:
      - name: customer
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [visitor.email], fides_meta: {identity: email}}
          - {name: owed, data_categories: [user.finacial]}
          - {name: all, data_categories: [user]}
          - {name: note, data_categories: [user.content]}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := k.Remarks("shop", d)
	want := []string{
		"customer.owed: CATEGORY_UNKNOWN: user.finacial; nearest: user.financial, ",
		"customer.all: CATEGORY_TOO_WIDE: user; ",
		"CATEGORY_NOT_IN_POLICY: no policy and no schedule names user.content: ",
	}
	if len(got) != len(want) {
		t.Fatalf("remarks %q", got)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], w) {
			t.Errorf("remark %q, want it to begin with %q", got[i], w)
		}
	}
}

func TestWhoCannotBeAskedSaysNothing(t *testing.T) {
	for _, method := range []string{"ListPolicies", "GetPolicy", "GetSchedule"} {
		_, w := known(t, policy)
		w.Peers.Away[method] = true
		if _, err := vocabulary.New(w.Peers, w.Peers).Of(t.Context(), fake.Tenant); status.Code(errors.Unwrap(err)) != codes.Unavailable {
			t.Errorf("%s away: %v", method, err)
		}
	}
	w := fake.NewWorld(t)
	w.Peers.Document = "categories: ["
	if _, err := vocabulary.New(w.Peers, w.Peers).Of(t.Context(), fake.Tenant); err == nil {
		t.Error("a document that can't be read has no names")
	}
}
