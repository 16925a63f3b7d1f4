package identityd_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// talk is a conversation.
const talk = "talktalktalktalktalktalkta"

// periods stands in for a retention by which each period's key may always be lent:
// what keeps one from it is identity alone.
type periods struct {
	witness
	retentionv1.UnimplementedConversationServiceServer
}

func (periods) EnterPeriod(_ context.Context, r *retentionv1.EnterPeriodRequest) (*retentionv1.EnterPeriodResponse, error) {
	return &retentionv1.EnterPeriodResponse{Period: max(1, r.GetPeriod()), EndsAt: timestamppb.New(time.Now().Add(time.Hour))}, nil
}

// messageKey is the key of the conversation's first period.
func messageKey(t *testing.T) seal.KeyID {
	t.Helper()
	return seal.KeyID{Tenant: tenant, Holder: must(seal.NewConversation(talk, "1"))(t), Class: sealv1.KeyClass_KEY_CLASS_MESSAGE}
}

// thief has copies of the vault's rows and the use of the key store.
type thief struct {
	*testing.T
	rows map[string]rows.Row
	keks kms.Store
}

// opens tries every wrapped copy of a key under every key-encryption key that its
// partition ever had or may have, and is what came out.
func (h thief) opens(id seal.KeyID) (found [][]byte) {
	h.Helper()
	for _, slot := range h.slots(id) {
		for epoch := uint64(1); epoch <= 8; epoch++ {
			aead, err := h.keks.AEAD(h.Context(), kms.Ref{Tenant: tenant, Partition: es.Partition(tenant, id.Holder.String()), Epoch: epoch})
			if err != nil {
				continue
			}
			if secret, err := aead.DecryptWithContext(h.Context(), *slot.Wrapped, slot.AAD); err == nil {
				found = append(found, secret)
			}
		}
	}
	return found
}

// slots are the wrapped copies of a key.
func (h thief) slots(id seal.KeyID) []kek.Slot {
	h.Helper()
	var out []kek.Slot
	for subject, row := range h.rows {
		k := new(sealv1.KeyRow)
		if !strings.Contains(subject, ".key.") || proto.Unmarshal(row.Value, k) != nil || k.GetHolder() != id.Holder.String() {
			continue
		}
		rec, err := vault.Rows().Decode(row)
		if err != nil {
			h.Fatal(err)
		}
		out = append(out, rec.Slots()...)
	}
	return out
}

// inFiles counts the files under a folder that hold some bytes.
func inFiles(t *testing.T, folder string, needle []byte) (n int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && d.IsDir() { // a running server replaces files
			return nil
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if bytes.Contains(content, needle) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// aWeekLater ends the epochs in which a key was destroyed, as identity does each hour.
func aWeekLater(t *testing.T, store rows.Store, keks kms.Store) {
	t.Helper()
	keeper, err := kek.New(kek.Config{
		Rows: store, KMS: keks, Ledger: new(sealtest.Ledger), Kinds: []kek.Kind{vault.Rows(), pepper.Rows()},
		Now: func() time.Time { return time.Now().AddDate(0, 0, 8) }, Epoch: 7 * 24 * time.Hour, Window: 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := must(keeper.RotateDirty(t.Context()))(t); n == 0 {
		t.Fatal("no epoch has ended")
	}
}

func (d *running) lend(t *testing.T, period uint32) (*identityv1.GetMessageKeyResponse, error) {
	t.Helper()
	return d.as(t, tenant, "product").GetMessageKey(client.WithPurpose(deadline(t), "messaging"),
		&identityv1.GetMessageKeyRequest{Conversation: talk, Period: period})
}

// Whoever copied the vault opens a period's key until it is destroyed and the epoch
// of its key-encryption key has ended; from then on nothing opens it, in whatever
// key store, and no restored copy brings it back.
func TestNothingOpensTheKeyOfMessagesThatWent(t *testing.T) {
	for name, kept := range map[string]func(t *testing.T, w *world){
		"key-encryption keys in files":   func(_ *testing.T, w *world) { w.kms = "file://" + filepath.Join(w.dir, "keks") },
		"key-encryption keys in a Vault": func(t *testing.T, w *world) { t.Helper(); w.inOneVault(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kept(t, w)
			w.more = []string{"HABEAS_RETENTION_TARGET=" + w.serve(t, "retention", periods{},
				&retentionv1.RetentionService_ServiceDesc, &retentionv1.ConversationService_ServiceDesc)}
			d := w.start(t)
			d.create(t, tenant)
			id, store := messageKey(t), w.vaultRows(t)
			key := must(d.lend(t, 0))(t).GetMaterial()
			keks := must(kms.Open(t.Context(), kms.Opening{Address: w.kms, Rows: store}))(t)
			stolen := thief{t, everything(t, store), keks.Store}
			wrapped := bytes.Clone(*stolen.slots(id)[0].Wrapped)
			opened := func(when string, want int) {
				t.Helper()
				found := stolen.opens(id)
				if len(found) != want || want > 0 && !bytes.Equal(found[0], key) {
					t.Errorf("%s: a copy of the vault opens %d keys, want %d, and the one that was lent", when, len(found), want)
				}
			}
			opened("while the key lives", 1)
			if inFiles(t, w.nats.Dir(), wrapped) == 0 {
				t.Error("the wrapped key is in no file while it lives: the search is broken")
			}

			must(d.service(t, "retention", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
				RequestId: "period-1", Reason: "period-over", Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
			}))(t)
			opened("destroyed, while the epoch of a copy lasts", 1)
			if left := (thief{t, everything(t, store), keks.Store}).slots(id); len(left) != 0 {
				t.Errorf("%d wrapped keys in the vault's rows", len(left))
			}
			if n := inFiles(t, w.nats.Dir(), wrapped); n != 0 {
				t.Errorf("the wrapped key is in %d files", n)
			}
			aWeekLater(t, store, keks.Store)
			opened("after the end of the epoch", 0)

			w.restores(t, d, store, stolen.rows, id)
			opened("after the restore of the copy", 0)
		})
	}
}

// inOneVault puts the world's key-encryption keys into a Vault alone.
func (w *world) inOneVault(t *testing.T) *transittest.Server {
	t.Helper()
	server := w.inVault(t)
	w.kms, _, _ = strings.Cut(w.kms, ",")
	return server
}

// restores puts the row of a key that went back, as the copy has it.
func (w *world) restores(t *testing.T, d *running, store rows.Store, backup map[string]rows.Row, gone seal.KeyID) {
	t.Helper()
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	now := everything(t, store)
	for subject, row := range backup {
		k := new(sealv1.KeyRow)
		if strings.Contains(subject, ".key.") && proto.Unmarshal(row.Value, k) == nil && k.GetHolder() == gone.Holder.String() {
			must(store.Put(t.Context(), subject, row.Value, now[subject].Rev))(t)
		}
	}
	d = w.start(t)
	_, err := d.lend(t, 1)
	expect(t, err, codes.FailedPrecondition, "KEY_DESTROYED")
	_, err = d.lend(t, 0) // a stand-in for retention says period 1 again
	expect(t, err, codes.FailedPrecondition, "KEY_DESTROYED")
	if got := states(t, store)[gone.Holder.String()]; got != sealv1.KeyState_KEY_STATE_DESTROYED {
		t.Errorf("the row that was put back is %s", got)
	}
	_, err = d.lend(t, 2)
	expect(t, err, codes.NotFound, "KEY_NOT_FOUND") // and none is made that has no clock
}
