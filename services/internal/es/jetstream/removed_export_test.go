package jetstream_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

func TestAnExportEndsThoughARowIsRemovedMeanwhile(t *testing.T) {
	srv := testserver.NATS(t)
	h := settle(t, srv, 1, 1)
	nc := srv.Connect(t, testserver.Admin)
	rows := openRows(t, jetstream.RowsConfig{Conn: nc, Topology: h.in.Topology})
	subject := func(i int) string { return fmt.Sprintf("habeas.vault.00.key.t1.subject-%03d.profile", i) }
	const many = 1150 // progress is reported at 1000, and the last rows are not asked for by then
	for i := range many {
		if _, err := rows.Put(t.Context(), subject(i), []byte("row"), 0); err != nil {
			t.Fatal(err)
		}
	}
	remove := sync.OnceValue(func() error {
		return stream(t, nc, jetstream.VaultStream(0)).Purge(t.Context(), natsjs.WithPurgeSubject(subject(many-1)))
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := h.log.Export(ctx, io.Discard, jetstream.ExportConfig{
		LogKey: h.in.LogKey, Now: time.Now(), Progress: func(p jetstream.Progress) {
			if p.Stream != jetstream.VaultStream(0) {
				return
			}
			if err := remove(); err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Error(err)
	}
}
