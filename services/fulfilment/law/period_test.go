package law_test

import (
	"errors"
	"testing"

	"habeas.internal/services/fulfilment/law"
)

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]law.Period{
		"": {}, "P1M": {Months: 1}, "P45D": {Days: 45}, "P2W": {Days: 14}, "P10B": {BusinessDays: 10},
		"P1Y6M": {Months: 18}, "P1Y2M3D": {Months: 14, Days: 3},
	} {
		got, err := law.ParsePeriod(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if again, err := law.ParsePeriod(got.String()); err != nil || again != got {
			t.Errorf("%q printed as %q is %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"P", "1M", "P0D", "PM", "P-1D", "P1D1M", "P1M1M", "P1H", "P1000000D", "P99999999999999999999D", "P1", "p1m", " P1M"} {
		if _, err := law.ParsePeriod(text); !errors.Is(err, law.ErrPeriod) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
