package dataset_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"habeas.internal/services/fulfilment/internal/dataset"
)

// TestWhatAnalyticsHasSeenIsJoinedWithNobody: each description that is refused has a
// twin that differs in what joins them alone.
func TestWhatAnalyticsHasSeenIsJoinedWithNobody(t *testing.T) {
	const (
		id       = "{name: id, fides_meta: {primary_key: true}}"
		client   = "{name: client, fides_meta: {identity: analytics}}"
		usage    = "{name: pages, data_categories: [analytics.usage]}"
		account  = "{name: account, data_categories: [user.name], fides_meta: {references: [{dataset: d, field: account.id, direction: from}]}}"
		product  = "{name: product, fides_meta: {references: [{dataset: d, field: product.id}]}}"
		people   = "      - {name: account, fields: [" + id + ", {name: email, fides_meta: {identity: email}}]}\n"
		products = "      - {name: product, fields: [" + id + ", {name: title, data_categories: [system]}]}\n"
	)
	identity := func(kind string) string { return "{name: who, fides_meta: {identity: " + kind + "}}" }
	table := func(name, fields string) string {
		return fmt.Sprintf("      - {name: %s, fields: [%s, %s]}\n", name, id, fields)
	}
	for _, tc := range []struct {
		name        string
		collections string
		refused     []string // collections
	}{
		{"visits alone", table("visit", client+", "+usage), nil},
		{"visits, and people elsewhere in the same database", table("visit", client+", "+usage) + people, nil},
		{"a person's rows", table("visit", identity("email")+", {name: pages, data_categories: [user.behavior]}"), nil},
		{"an address beside an id of analytics", table("visit", client+", "+identity("email")), []string{"visit"}},
		{"an account beside the id of a known tool", table("visit", "{name: client, fides_meta: {identity: ga_client_id}}, "+identity("account")), []string{"visit"}},
		{"an address beside what analytics has seen", table("visit", usage+", "+identity("email")), []string{"visit"}},
		{"a device beside what analytics has seen", table("visit", usage+", "+identity("device")), []string{"visit"}},
		{"a cookie beside what analytics has seen", table("visit", usage+", "+identity("cookie")), []string{"visit"}},
		{"a reference to a person's row", table("visit", client+", "+usage+", "+account) + people, []string{"visit"}},
		{"a list of products that both refer to", table("visit", client+", "+usage+", "+product) + table("bought", account+", "+product) + people + products, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := dataset.Parse([]byte("dataset:\n  - fides_key: d\n    collections:\n" + tc.collections))
			var problems dataset.Problems
			if err != nil && !errors.As(err, &problems) {
				t.Fatal(err)
			}
			var refused []string
			for _, p := range problems {
				if p.Reason != dataset.AnalyticsJoined {
					t.Errorf("another problem: %v", p)
					continue
				}
				refused = append(refused, p.Path)
			}
			var want []string
			for _, name := range tc.refused {
				want = append(want, "dataset[0].collections["+name+"]")
			}
			if !slices.Equal(refused, want) {
				t.Errorf("refused %v, want %v", refused, want)
			}
		})
	}
}
