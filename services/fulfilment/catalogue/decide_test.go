package catalogue_test

import (
	"testing"

	"habeas.internal/services/fulfilment/catalogue"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	first, second := catalogue.Listed{System: "shop", Version: 1}, catalogue.Listed{System: "shop", Version: 2}
	for _, tc := range []struct {
		name  string
		given []catalogue.Event
		when  catalogue.Command
		then  []catalogue.Event
	}{
		{"a system is listed", nil, catalogue.List(first), []catalogue.Event{first}},
		{"listing twice is a no-op", []catalogue.Event{first}, catalogue.List(first), nil},
		{"a later version takes its place", []catalogue.Event{first}, catalogue.List(second), []catalogue.Event{second}},
		{"an earlier one that comes late does not", []catalogue.Event{first, second}, catalogue.List(first), nil},
		{"a system is taken off", []catalogue.Event{first}, catalogue.Delist{System: "shop"}, []catalogue.Event{catalogue.Delisted{System: "shop"}}},
		{"one that is not there is not", nil, catalogue.Delist{System: "shop"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s catalogue.Catalogue
			for _, ev := range tc.given {
				s = catalogue.Evolve(s, ev)
			}
			got, err := catalogue.Decide(s, tc.when)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
