package rpc_test

import (
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestAnOptOutCountsUnderAPolicyThatIsStillToCome: no version can honour it less.
// What a browser sends is the version's to honour, so it needs one in force.
func TestAnOptOutCountsUnderAPolicyThatIsStillToCome(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology", "effective: 2020-10-20", "effective: 2099-01-01"))
	for signal, want := range map[consentv1.Signal]codes.Code{
		consentv1.Signal_SIGNAL_OPT_OUT: codes.OK, consentv1.Signal_SIGNAL_GPC: codes.FailedPrecondition,
	} {
		got, err := w.consent(t, human("product")).ApplySignal(deadline(t), &consentv1.ApplySignalRequest{
			RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology", Signals: []consentv1.Signal{signal}, ReceivedAt: timestamppb.New(w.now()),
		})
		if status.Code(err) != want || want == codes.OK && !got.GetOutcomes()[0].GetHonoured() {
			t.Errorf("%v: %v, %v", signal, got, err)
		}
	}
}
