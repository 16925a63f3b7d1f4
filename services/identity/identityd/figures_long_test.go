//go:build long

package identityd_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/seal"

	"google.golang.org/grpc/metadata"
)

const (
	figureKeys   = 2048
	figureLength = 5 * time.Second
)

// TestKeyFigures prints how many keys a second the key service hands out, to
// one caller and to 64, over one connection with TLS: one key a call, 16 and 64,
// each under its own holder, with key-encryption keys in files and in a transit
// engine in the same process. Run it with -parallel 1.
func TestKeyFigures(t *testing.T) {
	for _, at := range []string{"files", "transit"} {
		t.Run("keys in "+at, func(t *testing.T) {
			w := newWorld(t)
			w.level, w.ratio = "info", "0.01"
			w.kms = "file://" + filepath.Join(w.dir, "keks")
			if at == "transit" {
				w.inVault(t)
				w.kms = w.kms[:len(w.kms)-len(",file://"+filepath.Join(w.dir, "second"))]
			}
			d := w.start(t)
			d.create(t, tenant)
			caller := d.service(t, "fulfilment", tenant)
			wants := someKeys(t, caller)
			for _, batch := range []int{1, 16, 64} {
				for _, callers := range []int{1, 64} {
					measure(t, caller, wants, batch, callers)
				}
			}
		})
	}
}

// someKeys makes keys, and lists them as they are asked for later.
func someKeys(t *testing.T, caller *api) []*identityv1.KeyWant {
	t.Helper()
	var wants []*identityv1.KeyWant
	for range figureKeys {
		h, err := seal.RandomHolder(seal.Request, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		wants = append(wants, &identityv1.KeyWant{
			Key: &identityv1.KeyName{Holder: h.String(), Class: sealv1.KeyClass_KEY_CLASS_REQUEST}, Create: true,
		})
	}
	for some := range slices.Chunk(wants, 32) {
		must(caller.GetKeys(reading(deadline(t)), &identityv1.GetKeysRequest{Wants: some}))(t)
	}
	for _, want := range wants {
		want.Create = false
	}
	return wants
}

func reading(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpc.MetadataPurpose, "record")
}

func measure(t *testing.T, caller *api, wants []*identityv1.KeyWant, batch, callers int) {
	t.Helper()
	until := time.Now().Add(figureLength)
	took := make([][]time.Duration, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c * batch; time.Now().Before(until); i += batch * callers {
				at := i % (len(wants) - batch + 1)
				began := time.Now()
				ctx, cancel := context.WithTimeout(reading(context.Background()), 10*time.Second)
				got, err := caller.GetKeys(ctx, &identityv1.GetKeysRequest{Wants: wants[at : at+batch]})
				cancel()
				if err != nil || len(got.GetKeys()[0].GetMaterial()) != seal.KeySize {
					t.Errorf("get keys: %v", err)
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	every := slices.Concat(took...)
	slices.Sort(every)
	at := func(p int) time.Duration { return every[(len(every)-1)*p/100].Round(10 * time.Microsecond) }
	rate := float64(len(every)) / figureLength.Seconds()
	t.Logf("%2d callers, %2d keys a call: %6.0f calls/s, %7.0f keys/s, p50 %s, p99 %s",
		callers, batch, rate, rate*float64(batch), at(50), at(99))
}
