package stores_test

import (
	"errors"
	"slices"
	"testing"

	"habeas.internal/services/internal/stores"
)

func TestAStoreIsWhereAPolicyAllowsIt(t *testing.T) {
	with := func(name string, in ...string) stores.Regions {
		r := stores.All("us")
		r[name] = in
		return r
	}
	for _, tc := range []struct {
		name      string
		regions   stores.Regions
		allowed   []string
		store, in string
	}{
		{"a policy that promises nothing allows anything", stores.Regions{}, nil, "", ""},
		{"all at home", stores.All("us"), []string{"us"}, "", ""},
		{"all abroad", stores.All("de"), []string{"us"}, stores.Backup, "de"},
		{"a bucket abroad", with(stores.Packages, "de"), []string{"us"}, stores.Packages, "de"},
		{"a second copy abroad", with(stores.KMS, "us", "de"), []string{"us"}, stores.KMS, "de"},
		{"which another list allows", with(stores.KMS, "us", "de"), []string{"us", "de"}, "", ""},
		{"of which nobody says where it is", with(stores.Vault), []string{"us"}, stores.Vault, ""},
		{"of none does anybody", nil, []string{"us"}, stores.Backup, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if store, in := tc.regions.Outside(tc.allowed); store != tc.store || in != tc.in {
				t.Errorf("%q in %q, want %q in %q", store, in, tc.store, tc.in)
			}
		})
	}
}

func TestADeclarationIsReadAsItIsWritten(t *testing.T) {
	words := []string{"kms=de", "kms=us", "log=us-ca"}
	got, err := stores.Parse(words)
	if err != nil || !slices.Equal(got.Words(), words) {
		t.Errorf("%v, error %v", got.Words(), err)
	}
	for _, word := range []string{"log", "log=", "log=US", "log=usa", "disk=us", "=us"} {
		if _, err := stores.Parse([]string{word}); !errors.Is(err, stores.ErrMalformed) {
			t.Errorf("%q: error %v", word, err)
		}
	}
}
