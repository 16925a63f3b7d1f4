package rulepack_test

import (
	"errors"
	"strings"
	"testing"

	"habeas.internal/services/fulfilment/internal/rulepack"
	"habeas.internal/services/fulfilment/law"
)

func TestEveryPackLoads(t *testing.T) {
	names, err := rulepack.Names()
	if err != nil {
		t.Fatal(err)
	}
	if want := "cal-1798-83 ccpa coppa gdpr hipaa uk-gdpr"; strings.Join(names, " ") != want {
		t.Errorf("packs are %v, want %s", names, want)
	}
	packs, err := rulepack.Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range packs {
		if p.Name != names[i] || len(p.Hash) != 64 {
			t.Errorf("pack %d is %s with hash %q", i, p.Name, p.Hash)
		}
	}
}

func TestAnUnknownPackIsAnError(t *testing.T) {
	for _, name := range []string{"lgpd", "", "../packs/gdpr"} {
		if _, err := rulepack.Load("gdpr", name); !errors.Is(err, rulepack.ErrUnknown) {
			t.Errorf("%q: error %v", name, err)
		}
	}
}

func TestAFileIsReadStrictly(t *testing.T) {
	const good = "name: x\nversion: \"1\"\ntitle: X\nroll: none\nclocks:\n  - {rights: [access], rule: r, base: P30D}\n"
	if _, err := rulepack.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file string
		err        error
	}{
		{"an unknown key is refused", good + "grace: P1D\n", rulepack.ErrFile},
		{"a key that stands twice is refused", good + "name: y\n", rulepack.ErrFile},
		{"a second document is refused", good + "---\n" + good, rulepack.ErrFile},
		{"an empty file is refused", "", rulepack.ErrFile},
		{"a period that is none is refused", strings.Replace(good, "P30D", "30 days", 1), law.ErrPeriod},
		{"a clock without a base is refused", strings.Replace(good, ", base: P30D", "", 1), law.ErrPack},
		{"an unknown right is refused", strings.Replace(good, "access", "acess", 1), law.ErrPack},
		{"a right with two clocks is refused", good + "  - {rights: [access], rule: s, base: P1D}\n", law.ErrPack},
		{"an unknown roll is refused", strings.Replace(good, "none", "back", 1), law.ErrPack},
		{"an extension that is longer is taken", strings.Replace(good, "P30D", "P30D, extended: P1M", 1), nil},
		{"an extension that is shorter is refused", strings.Replace(good, "P30D", "P30D, extended: P29D", 1), law.ErrPack},
		{"a ground without a provision is refused", good + "grounds:\n  - {code: a, dpv: b}\n", law.ErrPack},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := rulepack.Parse([]byte(tc.file)); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}
