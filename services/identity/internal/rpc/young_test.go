package rpc

import (
	"errors"
	"testing"

	"habeas.internal/services/identity/subject"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestATenantCountsWhomItRefusedForTheirAgeAndKnowsNothingElse: the two names are
// all that a count holds.
func TestATenantCountsWhomItRefusedForTheirAgeAndKnowsNothingElse(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	refused, err := NewRefused(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		tenant string
		err    error
	}{
		{"qcera", subject.ErrTooYoung},
		{"qcera", subject.ErrTooYoung},
		{"qcera", subject.ErrNoMandate},
		{"other", subject.ErrTooYoung},
		{"qcera", errors.New("out of order")},
		{"qcera", nil},
	} {
		refused.note(t.Context(), one.tenant, one.err)
	}
	Refused{}.note(t.Context(), "qcera", subject.ErrTooYoung)
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	counts := map[[2]string]int64{}
	sum, _ := got.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64])
	for _, p := range sum.DataPoints {
		if p.Attributes.Len() != 2 || len(p.Exemplars) != 0 {
			t.Errorf("a count holds %v, %v", p.Attributes, p.Exemplars)
		}
		tenant, _ := p.Attributes.Value("habeas.tenant")
		reason, _ := p.Attributes.Value("habeas.reason")
		counts[[2]string{tenant.AsString(), reason.AsString()}] = p.Value
	}
	want := map[[2]string]int64{{"qcera", "AGE_BELOW_MINIMUM"}: 2, {"qcera", "MANDATE_REQUIRED"}: 1, {"other", "AGE_BELOW_MINIMUM"}: 1}
	if len(counts) != len(want) {
		t.Errorf("counted %v", counts)
	}
	for key, n := range want {
		if counts[key] != n {
			t.Errorf("%v: %d, want %d", key, counts[key], n)
		}
	}
}
