package conformance_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// messages are a tenant's conversations, as its messaging product has them.
type messages struct {
	*world
	tenant string
	key    ed25519.PrivateKey // of the client that archives on its own servers
}

// messagesGo shows PT-05: messages are sealed under a key of their conversation
// and period, which goes by the plan's clock, for good, unless they are archived.
func messagesGo(t *testing.T, w *world) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &messages{world: w, tenant: w.tenantOf(personnelTenant), key: key}
	m.putsPlans()
	w.schedule(m.tenant, personnelTenant)
	w.talks.joins(w, m.tenant)
	email := uuid.NewString() + "@people.example"
	ada, bob := w.Register(m.tenant, email), w.Register(m.tenant, uuid.NewString()+"@people.example")

	gone, plain := m.talk("at-once", ada, bob)
	m.opens("before its end", gone, plain, 1)
	m.closes(gone)
	m.lost(gone)
	kept := m.isKept("a-month", "transient", time.Now().AddDate(0, 1, 0), ada, bob)
	m.isKept("paid", "client_archive", time.Now().AddDate(7, 0, 0), ada, bob)
	m.archivedByTheClient(ada, bob)
	m.held(ada, bob)
	m.senderGoes(kept, email)
	m.lost(gone)
	m.strangers(kept, ada)
}

func (m *messages) putsPlans() {
	m.Helper()
	public, ok := m.key.Public().(ed25519.PublicKey)
	if !ok {
		m.Fatal("not a key")
	}
	for _, plan := range []*retentionv1.MessagePlan{
		{Plan: "at-once", Archive: retentionv1.Archive_ARCHIVE_NONE, Keep: "P0D"},
		{Plan: "a-month", Archive: retentionv1.Archive_ARCHIVE_NONE, Keep: "P1M"},
		{Plan: "paid", Archive: retentionv1.Archive_ARCHIVE_PAID, Keep: "P7Y"},
		{Plan: "own", Archive: retentionv1.Archive_ARCHIVE_CLIENT_SERVERS, Keep: "P0D", ReceiptKey: public},
	} {
		plan.Length, plan.Authority = retentionv1.PeriodLength_PERIOD_LENGTH_MONTH, "PT-05"
		_, err := m.As(m.tenant, "dpo").Conversations.PutMessagePlan(stack.Deadline(m), &retentionv1.PutMessagePlanRequest{
			RequestId: uuid.NewString(), Plan: plan,
		})
		if err != nil {
			m.Fatal(err)
		}
	}
}

// talk opens a conversation, and is the key of its first period.
func (m *messages) talk(plan string, who ...string) (ref string, key []byte) {
	m.Helper()
	got, err := m.As(m.tenant, "product").Conversations.OpenConversation(stack.Deadline(m), &retentionv1.OpenConversationRequest{
		RequestId: uuid.NewString(), Plan: plan, Participants: who,
	})
	if err != nil {
		m.Fatal(err)
	}
	lent, err := m.lend(m.tenant, got.GetConversation(), 0)
	if err != nil || lent.GetPeriod() != 1 || len(lent.GetMaterial()) != 32 {
		m.Fatalf("a key to seal with: period %d, error %v", lent.GetPeriod(), err)
	}
	return got.GetConversation(), lent.GetMaterial()
}

func (m *messages) lend(tenant, ref string, period uint32) (*identityv1.GetMessageKeyResponse, error) {
	return m.As(tenant, "product").Keys.GetMessageKey(client.WithPurpose(stack.Deadline(m), "messaging"), &identityv1.GetMessageKeyRequest{
		Conversation: ref, Period: period,
	})
}

// opens: the key of a period is there, and the same that it was.
func (m *messages) opens(what, ref string, key []byte, period uint32) {
	m.Helper()
	got, err := m.lend(m.tenant, ref, period)
	if err != nil || !bytes.Equal(got.GetMaterial(), key) {
		m.Errorf("%s: the key of the period is another, or there is none: %v", what, err)
	}
}

func (m *messages) closes(ref string) {
	m.Helper()
	_, err := m.As(m.tenant, "product").Conversations.CloseConversation(stack.Deadline(m), &retentionv1.CloseConversationRequest{
		RequestId: uuid.NewString(), Conversation: ref,
	})
	if err != nil {
		m.Fatal(err)
	}
	if _, err := m.lend(m.tenant, ref, 0); reasonOf(err) != "CONVERSATION_CLOSED" {
		m.Errorf("a key to seal with in a conversation that is closed: %v", err)
	}
}

// period is how the first period of a conversation stands.
func (m *messages) period(ref string) *retentionv1.ConversationPeriod {
	m.Helper()
	got, err := m.As(m.tenant, "dpo").Conversations.GetConversation(stack.Deadline(m), &retentionv1.GetConversationRequest{Conversation: ref})
	if err != nil || len(got.GetPeriods()) != 1 {
		m.Fatalf("%d periods, error %v", len(got.GetPeriods()), err)
	}
	return got.GetPeriods()[0]
}

func (m *messages) becomes(ref string, want retentionv1.PeriodState) *retentionv1.ConversationPeriod {
	m.Helper()
	var p *retentionv1.ConversationPeriod
	testwait.For(m, 2*time.Minute, func() error {
		if p = m.period(ref); p.GetState() != want {
			return fmt.Errorf("the period is %v", p.GetState())
		}
		return nil
	})
	return p
}

// lost: the key is gone for good, and identity's log says which it was, under
// which epoch it was wrapped, and when its last copy ends.
func (m *messages) lost(ref string) {
	m.Helper()
	p := m.becomes(ref, retentionv1.PeriodState_PERIOD_STATE_DESTROYED)
	if _, err := m.lend(m.tenant, ref, 1); reasonOf(err) != "KEY_DESTROYED" {
		m.Errorf("the key that went: %v", err)
	}
	if !p.GetResidueEndsAt().AsTime().After(p.GetDestroyedAt().AsTime()) {
		m.Errorf("its last copy ends on %s", p.GetResidueEndsAt().AsTime())
	}
	ended := m.keyEnds(ref)
	if len(ended) != 1 || ended[0]["key_commit"] == nil || ended[0]["kek_epoch"] == nil || ended[0]["residue_horizon"] == nil {
		m.Errorf("the log tells of it as %v", ended)
	}
}

// keyEnds is what identity's log tells of the end of a first period's key.
func (m *messages) keyEnds(ref string) []map[string]any {
	m.Helper()
	var out []map[string]any
	for _, e := range m.Replay(audit.Filter{Tenant: m.tenant}) {
		for _, ev := range e.Events {
			if ev.Type == "keyring.key_destroyed" && ev.Data["holder"] == "conversation-"+ref+"-1" {
				out = append(out, ev.Data)
			}
		}
	}
	return out
}

// isKept: a conversation that is closed keeps its key until a moment.
func (m *messages) isKept(plan, ground string, until time.Time, who ...string) (ref string) {
	m.Helper()
	ref, key := m.talk(plan, who...)
	m.closes(ref)
	p := m.becomes(ref, retentionv1.PeriodState_PERIOD_STATE_KEPT)
	if p.GetGround() != ground || p.GetDueAt().AsTime().Sub(until).Abs() > 4*24*time.Hour {
		m.Errorf("it is kept as %s until %s", p.GetGround(), p.GetDueAt().AsTime())
	}
	m.opens("kept by plan "+plan, ref, key, 1)
	return ref
}

// archivedByTheClient: our key goes after the client's receipt, and not before.
func (m *messages) archivedByTheClient(who ...string) {
	m.Helper()
	ref, key := m.talk("own", who...)
	other, otherKey := m.talk("own", who...)
	for _, one := range []string{ref, other} {
		m.closes(one)
		m.becomes(one, retentionv1.PeriodState_PERIOD_STATE_AWAITING_RECEIPT)
	}
	digest := hex.EncodeToString(bytes.Repeat([]byte{7}, 32))
	m.receipt("of what was not handed over", ref, ref, m.tenant, digest, "PERIOD_NOT_HANDED_OVER")
	_, err := m.As(m.tenant, "product").Conversations.HandOverPeriod(stack.Deadline(m), &retentionv1.HandOverPeriodRequest{
		RequestId: uuid.NewString(), Conversation: ref, Period: 1, Digest: digest, Messages: 3,
	})
	if err != nil {
		m.Fatal(err)
	}
	m.receipt("of another conversation", ref, other, m.tenant, digest, "RECEIPT_NOT_SIGNED")
	m.receipt("of another tenant", ref, ref, personnelTenant, digest, "RECEIPT_NOT_SIGNED")
	m.receipt("of something else", ref, ref, m.tenant, hex.EncodeToString(make([]byte, 32)), "RECEIPT_DIFFERS")
	m.opens("without a receipt", ref, key, 1)
	m.receipt("of the client", ref, ref, m.tenant, digest, "")
	m.receipt("of the client once more", ref, ref, m.tenant, digest, "")
	m.lost(ref)
	m.opens("of the conversation without a receipt", other, otherKey, 1)
}

// receipt records a receipt for one conversation that is signed for another.
func (m *messages) receipt(what, ref, signedFor, tenant, digest, reason string) {
	m.Helper()
	text := fmt.Appendf(nil, "habeas-archive-receipt/v1\n%s\n%s\n%d\n%s\n", tenant, signedFor, 1, digest)
	_, err := m.As(m.tenant, "holder").Conversations.RecordArchiveReceipt(stack.Deadline(m), &retentionv1.RecordArchiveReceiptRequest{
		RequestId: uuid.NewString(), Conversation: ref, Period: 1, Digest: digest, Signature: ed25519.Sign(m.key, text),
	})
	if (err == nil) != (reason == "") || reasonOf(err) != reason {
		m.Errorf("a receipt %s: %v, want %q", what, err, reason)
	}
}

// held: while a participant is on hold the key stays, and goes by itself once
// they are not.
func (m *messages) held(ada, bob string) {
	m.Helper()
	dpo := m.As(m.tenant, "dpo").Retention
	hold, err := dpo.PlaceHold(stack.Deadline(m), &retentionv1.PlaceHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: bob, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(time.Now().AddDate(0, 6, 0)),
	})
	if err != nil {
		m.Fatal(err)
	}
	ref, key := m.talk("at-once", ada, bob)
	twin, _ := m.talk("at-once", ada)
	m.closes(ref)
	m.closes(twin)
	if p := m.becomes(ref, retentionv1.PeriodState_PERIOD_STATE_ON_HOLD); p.GetHeldFor() != bob {
		m.Errorf("it is held for %q", p.GetHeldFor())
	}
	m.lost(twin)
	m.opens("on hold", ref, key, 1)
	_, err = dpo.ReleaseHold(stack.Deadline(m), &retentionv1.ReleaseHoldRequest{RequestId: uuid.NewString(), SubjectRef: bob, Hold: hold.GetHold()})
	if err != nil {
		m.Fatal(err)
	}
	m.lost(ref)
}

// senderGoes: the erasure of one who wrote leaves the others' copy.
func (m *messages) senderGoes(ref, email string) {
	m.Helper()
	key, err := m.lend(m.tenant, ref, 1)
	if err != nil {
		m.Fatal(err)
	}
	m.Closed(m.tenant, m.Ask(m.tenant, fulfilmentv1.Right_RIGHT_ERASURE, personnelTenant, email))
	m.opens("of the recipient, after the sender's erasure", ref, key.GetMaterial(), 1)
}

// strangers get no key, and no receipt of theirs is taken.
func (m *messages) strangers(ref, ada string) {
	m.Helper()
	if _, err := m.lend(personnelTenant, ref, 1); reasonOf(err) != "PERIOD_NOT_FOUND" {
		m.Errorf("a key of another tenant's conversation: %v", err)
	}
	if _, err := m.lend(m.tenant, ada, 0); reasonOf(err) != "PERIOD_NOT_FOUND" {
		m.Errorf("a key of what is no conversation: %v", err)
	}
	for _, role := range []string{"agent", "dpo", "auditor", "platform_admin", "holder"} {
		_, err := m.As(m.tenant, role).Keys.GetMessageKey(client.WithPurpose(stack.Deadline(m), "messaging"), &identityv1.GetMessageKeyRequest{Conversation: ref, Period: 1})
		if status.Code(err) != codes.PermissionDenied {
			m.Errorf("a key for %s: %v", role, err)
		}
	}
	_, err := m.As(m.tenant, "product").Keys.GetMessageKey(client.WithPurpose(stack.Deadline(m), "curiosity"), &identityv1.GetMessageKeyRequest{Conversation: ref, Period: 1})
	if reasonOf(err) != "KEY_PURPOSE_NOT_ALLOWED" {
		m.Errorf("a key for another purpose: %v", err)
	}
}
