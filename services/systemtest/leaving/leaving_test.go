package leaving_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	tenant = "leaving"
	policy = "caseworks"
)

type world struct {
	testing.TB
	*stack.Stack
	admin identityv1.TenantServiceClient
}

func newWorld(t *testing.T, grace time.Duration) world {
	t.Helper()
	s := stack.New(t)
	s.More = map[string][]string{"identity": {
		"HABEAS_OFFBOARD_GRACE=" + grace.String(), "HABEAS_OFFBOARD_SETTLE=500ms", "HABEAS_OFFBOARD_MEMORY=200ms",
	}}
	s.Start()
	s.Tenant(tenant)
	s.Publish(tenant, policy, time.Now().Add(-time.Hour))
	return world{t, s, s.Proven(tenant, "ann", "platform_admin").Tenants}
}

func (w world) offboard() error {
	_, err := w.admin.OffboardTenant(stack.Deadline(w), &identityv1.OffboardTenantRequest{
		RequestId: uuid.NewString(), Tenant: tenant, Reason: "contract_ended",
	})
	return err
}

// refused fails unless an off-boarding is refused for this, with these numbers.
func (w world) refused(reason, holds, requests string) {
	w.Helper()
	err := w.offboard()
	for _, d := range status.Convert(err).Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if ok && info.GetReason() == reason && info.GetMetadata()["holds"] == holds && info.GetMetadata()["requests"] == requests {
			return
		}
	}
	w.Errorf("the answer is %v, want %s with %s holds and %s requests", status.Convert(err).Proto(), reason, holds, requests)
}

func (w world) hold(ref string) (release func()) {
	w.Helper()
	dpo := w.As(tenant, "dpo").Retention
	res, err := dpo.PlaceHold(stack.Deadline(w), &retentionv1.PlaceHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: ref, Ground: "legal_claim", Authority: "case 7732",
		ReviewAt: timestamppb.New(time.Now().AddDate(0, 6, 0)),
	})
	if err != nil {
		w.Fatal(err)
	}
	return func() {
		_, err := dpo.ReleaseHold(stack.Deadline(w), &retentionv1.ReleaseHoldRequest{RequestId: uuid.NewString(), SubjectRef: ref, Hold: res.GetHold()})
		if err != nil {
			w.Fatal(err)
		}
	}
}

func (w world) offboarding() *identityv1.Offboarding {
	w.Helper()
	got, err := w.admin.GetTenant(stack.Deadline(w), &identityv1.GetTenantRequest{})
	if err != nil {
		w.Fatal(err)
	}
	return got.GetOffboarding()
}

// TestNoTenantGoesWhileAHoldStandsOrARequestIsOpen, whatever its administrator
// says. The twin: when nothing stands any more, it goes.
func TestNoTenantGoesWhileAHoldStandsOrARequestIsOpen(t *testing.T) {
	w := newWorld(t, time.Hour)
	const email = "jane@people.example"
	release := w.hold(w.Register(tenant, email))
	w.refused("HOLDS_STAND", "1", "0")
	request := w.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email)
	w.refused("HOLDS_STAND", "1", "1")
	release()
	w.refused("REQUESTS_OPEN", "0", "1")
	if _, err := w.As(tenant, "intake").Requests.WithdrawRequest(stack.Deadline(w), &fulfilmentv1.WithdrawRequestRequest{
		RequestId: uuid.NewString(), Request: request,
	}); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, 2*time.Minute, w.offboard) // until its last message is out
	if got := w.offboarding(); got.GetStage() != identityv1.OffboardingStage_OFFBOARDING_STAGE_WAITING {
		t.Errorf("got %v", got)
	}
}

// TestAHoldThatComesInTheMeantimeStopsTheDestruction: it is placed when nothing
// stood in the way, and asked for again right before the destruction.
func TestAHoldThatComesInTheMeantimeStopsTheDestruction(t *testing.T) {
	w := newWorld(t, 10*time.Second)
	jane := w.Register(tenant, "jane@people.example")
	if err := w.offboard(); err != nil {
		t.Fatal(err)
	}
	release := w.hold(jane)
	testwait.For(t, 2*time.Minute, func() error {
		if got := w.offboarding(); got.GetHolds() != 1 {
			return fmt.Errorf("off-boarding is %v", got)
		}
		return nil
	})
	if got := w.offboarding(); got.GetStage() != identityv1.OffboardingStage_OFFBOARDING_STAGE_WAITING || got.GetDueAt().AsTime().After(time.Now()) {
		t.Errorf("got %v", got)
	}
	release()
	testwait.For(t, 2*time.Minute, func() error {
		if w.offboarding().GetStage() != identityv1.OffboardingStage_OFFBOARDING_STAGE_GONE {
			return errors.New("the tenant is still there")
		}
		return nil
	})
}

// TestNobodyKnowsIsANo: what can't be asked may stand in the way.
func TestNobodyKnowsIsANo(t *testing.T) {
	w := newWorld(t, time.Hour)
	if err := w.StopOne("retention"); err != nil {
		t.Fatal(err)
	}
	if _, reason, _ := stack.Answer(w.offboard()); reason != "STANDING_UNKNOWN" {
		t.Errorf("without retention: %q", reason)
	}
	w.StartOne("retention")
	testwait.For(t, time.Minute, w.offboard)
}
