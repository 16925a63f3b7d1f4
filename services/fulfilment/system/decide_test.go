package system_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/system"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	shop := system.Description{System: "shop", Connection: "shop-db", Dataset: "dataset: []"}
	moved := shop
	moved.Region = "de"
	version := func(n uint32, d system.Description) system.Event {
		return system.Registered{Version: system.Version{Description: d, Number: n, RegisteredAt: noon}}
	}
	for _, tc := range []struct {
		name  string
		given []system.Event
		when  system.Command
		then  []system.Event
		err   error
	}{
		{"a system is registered", nil, system.Register{Description: shop, At: noon}, []system.Event{version(1, shop)}, nil},
		{"the same description is no new version", []system.Event{version(1, shop)}, system.Register{Description: shop, At: noon}, nil, nil},
		{"habeas is nobody's system", nil, system.Register{Description: system.Description{System: "habeas"}, At: noon}, nil, system.ErrReserved},
		{"nor is identity", nil, system.Register{Description: system.Description{System: "identity"}, At: noon}, nil, system.ErrReserved},
		{"another one is", []system.Event{version(1, shop)}, system.Register{Description: moved, At: noon}, []system.Event{version(2, moved)}, nil},
		{"nobody retires what is not there", nil, system.Retire{At: noon}, nil, system.ErrNoSystem},
		{"a system is retired", []system.Event{version(1, shop)}, system.Retire{At: noon}, []system.Event{system.Retired{At: noon}}, nil},
		{"retiring twice is a no-op", []system.Event{version(1, shop), system.Retired{}}, system.Retire{At: noon}, nil, nil},
		{"a retired system comes back as a new version", []system.Event{version(1, shop), system.Retired{}}, system.Register{Description: shop, At: noon}, []system.Event{version(2, shop)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s system.System
			for _, ev := range tc.given {
				s = system.Evolve(s, ev)
			}
			got, err := system.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
