package identityd_test

import (
	"strings"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/testserver"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc/codes"
)

// TestAKeyThatTheVaultHasLostIsNotMadeAgain: its row is gone, as where the server
// passes over a message with a changed byte. Whoever would seal under another one
// is refused, and so is whoever would open what the lost one sealed.
func TestAKeyThatTheVaultHasLostIsNotMadeAgain(t *testing.T) {
	w, d := found(t)
	settled(t)
	h := d.holder(t, "fulfilment", true)
	id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	box := h.seal(t, id, "Jane Example")
	js := must(natsjs.New(w.nats.Connect(t, testserver.Admin)))(t)
	gone := 0
	for shard := range shards {
		s := must(js.Stream(t.Context(), jetstream.VaultStream(shard)))(t)
		info := must(s.Info(t.Context(), natsjs.WithSubjectFilter("habeas.vault.>")))(t)
		for subject := range info.State.Subjects {
			if strings.Contains(subject, id.Holder.String()) {
				msg := must(s.GetLastMsgForSubject(t.Context(), subject))(t)
				if err := s.SecureDeleteMsg(t.Context(), msg.Sequence); err != nil {
					t.Fatal(err)
				}
				gone++
			}
		}
	}
	if gone != 1 {
		t.Fatalf("%d rows of the key", gone)
	}
	fresh := d.holder(t, "fulfilment", true)
	_, err := fresh.Seal(deadline(t), "record", id, place(tenant), []byte("again"))
	expect(t, err, codes.DataLoss, "KEY_LOST")
	_, err = fresh.Open(deadline(t), "fulfilment", place(tenant), box)
	expect(t, err, codes.DataLoss, "KEY_LOST")
}
