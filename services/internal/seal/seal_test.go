package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/proto"
)

const profile = sealv1.KeyClass_KEY_CLASS_PROFILE

func newKey(t testing.TB, tenant string) *seal.Key {
	t.Helper()
	holder := must(seal.RandomHolder(seal.Subject, rand.Reader))(t)
	return must(seal.GenerateKey(seal.KeyID{Tenant: tenant, Holder: holder, Class: profile}, 1, rand.Reader))(t)
}

func newField(tenant string) seal.Field {
	return seal.Field{
		Tenant: tenant, Context: "identity", AggregateType: "subject", AggregateID: vectorRef,
		EventID: "ceirceirceirceirceirceirce-0", Path: "name",
	}
}

func TestABoxOpensOnlyInItsOwnPlace(t *testing.T) {
	key := newKey(t, "t1")
	sealed := must(key.Seal(newField("t1"), rand.Reader, []byte("Jane")))(t)
	moves := map[string]func(*seal.Field){
		"another context":        func(f *seal.Field) { f.Context = "consent" },
		"another aggregate type": func(f *seal.Field) { f.AggregateType = "agent" },
		"another aggregate":      func(f *seal.Field) { f.AggregateID = "other" },
		"another event":          func(f *seal.Field) { f.EventID = "ceirceirceirceirceirceirce-1" },
		"another field":          func(f *seal.Field) { f.Path = "names[0]" },
		"parts cut elsewhere":    func(f *seal.Field) { f.Context, f.AggregateType = "identitysubj", "ect" },
	}
	for name, move := range moves {
		t.Run(name, func(t *testing.T) {
			f := newField("t1")
			move(&f)
			if _, err := key.Open(f, sealed); !errors.Is(err, seal.ErrCorrupt) {
				t.Errorf("open: %v, want ErrCorrupt", err)
			}
		})
	}
	t.Run("another tenant", func(t *testing.T) {
		if _, err := key.Open(newField("t2"), sealed); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("open: %v, want ErrWrongKey", err)
		}
	})
}

func TestABoxNamesItsKeyAndOpensUnderNoOther(t *testing.T) {
	key, other := newKey(t, "t1"), newKey(t, "t1")
	sealed := must(key.Seal(newField("t1"), rand.Reader, []byte("Jane")))(t)
	t.Run("the key of another holder is refused", func(t *testing.T) {
		if _, err := other.Open(newField("t1"), sealed); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("open: %v, want ErrWrongKey", err)
		}
	})
	t.Run("other bytes under the same name are refused by the commitment", func(t *testing.T) {
		forged := must(seal.GenerateKey(key.ID(), 1, rand.Reader))(t)
		if _, err := forged.Open(newField("t1"), sealed); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("open: %v, want ErrWrongKey", err)
		}
	})
	t.Run("the header says which key is needed", func(t *testing.T) {
		h := must(seal.Parse(sealed))(t)
		if h.KeyID("t1") != key.ID() || h.Version != 1 || h.Commit != key.Commit() {
			t.Error("the header names another key")
		}
	})
}

func TestAnAlteredBoxIsRefused(t *testing.T) {
	key := newKey(t, "t1")
	sealed := must(key.Seal(newField("t1"), rand.Reader, []byte("Jane")))(t)
	for i := range sealed.GetBox() {
		altered := &sealv1.Sealed{Holder: sealed.GetHolder(), KeyCommit: sealed.GetKeyCommit(), Box: bytes.Clone(sealed.GetBox())}
		altered.Box[i] ^= 0x01
		_, err := key.Open(newField("t1"), altered)
		if !errors.Is(err, seal.ErrCorrupt) && !errors.Is(err, seal.ErrWrongKey) {
			t.Fatalf("byte %d flipped: open: %v", i, err)
		}
	}
}

func TestMalformedBoxesAreCorrupt(t *testing.T) {
	key := newKey(t, "t1")
	good := must(key.Seal(newField("t1"), rand.Reader, nil))(t)
	breaks := map[string]func(*sealv1.Sealed){
		"no box":             func(s *sealv1.Sealed) { s.Box = nil },
		"a cut box":          func(s *sealv1.Sealed) { s.Box = s.Box[:len(s.Box)-1] },
		"an unknown version": func(s *sealv1.Sealed) { s.Box[0] = 2 },
		"no class":           func(s *sealv1.Sealed) { s.Box[1] = 0 },
		"an unknown class":   func(s *sealv1.Sealed) { s.Box[1] = 200 },
		"key version zero":   func(s *sealv1.Sealed) { s.Box[5] = 0 },
		"a short commitment": func(s *sealv1.Sealed) { s.KeyCommit = s.KeyCommit[1:] },
		"no holder":          func(s *sealv1.Sealed) { s.Holder = nil },
		"a malformed holder": func(s *sealv1.Sealed) { s.Holder = []byte("person-x") },
	}
	for name, damage := range breaks {
		t.Run(name, func(t *testing.T) {
			s, _ := proto.Clone(good).(*sealv1.Sealed)
			damage(s)
			if _, err := key.Open(newField("t1"), s); !errors.Is(err, seal.ErrCorrupt) {
				t.Errorf("open: %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestLengthsShowInStepsOnly(t *testing.T) {
	key := newKey(t, "t1")
	for _, c := range []struct{ length, steps int }{{0, 1}, {1, 1}, {31, 1}, {32, 2}, {63, 2}, {64, 3}} {
		t.Run(fmt.Sprintf("%d bytes take %d steps", c.length, c.steps), func(t *testing.T) {
			plain := bytes.Repeat([]byte{0x80}, c.length)
			sealed := must(key.Seal(newField("t1"), rand.Reader, plain))(t)
			if got := len(sealed.GetBox()) - 6 - 12 - 16; got != c.steps*32 {
				t.Errorf("ciphertext has %d bytes, want %d", got, c.steps*32)
			}
			if got := must(key.Open(newField("t1"), sealed))(t); !bytes.Equal(got, plain) {
				t.Errorf("opened to %d bytes, want %d", len(got), c.length)
			}
		})
	}
}

func TestAMalformedPlaceIsNotSealedIn(t *testing.T) {
	key := newKey(t, "t1")
	spoils := map[string]func(*seal.Field){
		"no context":               func(f *seal.Field) { f.Context = "" },
		"no aggregate":             func(f *seal.Field) { f.AggregateID = "" },
		"an event id without part": func(f *seal.Field) { f.EventID = "ceirceirceirceirceirceirce" },
		"no path":                  func(f *seal.Field) { f.Path = "" },
		"an unfinished path":       func(f *seal.Field) { f.Path = "a." },
		"an index without number":  func(f *seal.Field) { f.Path = "a[]" },
		"a very long path":         func(f *seal.Field) { f.Path = strings.Repeat("a", 300) },
	}
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			f := newField("t1")
			spoil(&f)
			if _, err := key.Seal(f, rand.Reader, nil); !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("seal: %v, want ErrInvalid", err)
			}
		})
	}
}

func TestADestroyedKeyDoesNothingMore(t *testing.T) {
	key := newKey(t, "t1")
	sealed := must(key.Seal(newField("t1"), rand.Reader, []byte("Jane")))(t)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				if _, err := key.Open(newField("t1"), sealed); errors.Is(err, seal.ErrDropped) {
					return
				}
			}
		})
	}
	key.Destroy()
	users.Wait()
	if _, err := key.Seal(newField("t1"), rand.Reader, nil); !errors.Is(err, seal.ErrDropped) {
		t.Errorf("seal: %v, want ErrDropped", err)
	}
	if _, err := key.Material(); !errors.Is(err, seal.ErrDropped) {
		t.Errorf("material: %v, want ErrDropped", err)
	}
}

func TestAKeyPrintsAsRedacted(t *testing.T) {
	key := newKey(t, "t1")
	material := must(key.Material())(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", key)
	for _, printed := range []string{
		fmt.Sprintf("%v %+v %#v %s", key, key, key, key),
		fmt.Sprintf("%v", struct{ K *seal.Key }{key}), log.String(),
	} {
		if strings.Contains(printed, string(material)) || strings.Contains(printed, fmt.Sprint(material[0], material[1])) {
			t.Error("the key is printed")
		}
	}
	if !strings.Contains(log.String(), "[redacted]") {
		t.Error("the log does not say that something is hidden")
	}
}

func TestErasureIsToldApart(t *testing.T) {
	err := fmt.Errorf("open name: %w", &seal.Erased{At: time.Unix(0, 0), Reason: "REQUEST"})
	if !errors.Is(err, seal.ErrErased) || errors.Is(err, seal.ErrCorrupt) {
		t.Error("an Erased error must match ErrErased alone")
	}
	if !strings.Contains(err.Error(), "1970-01-01T00:00:00Z: REQUEST") {
		t.Errorf("the error does not say when and why: %v", err)
	}
}

func TestHoldersHaveOneSpelling(t *testing.T) {
	for _, good := range []string{
		"subject-" + vectorRef, "request-" + vectorRef, "agent-" + vectorRef, "conversation-" + vectorRef + "-2026w47",
	} {
		t.Run("accepts "+good, func(t *testing.T) {
			if got := must(seal.ParseHolder(good))(t).String(); got != good {
				t.Errorf("parsed and written again: %q", got)
			}
		})
	}
	for name, bad := range map[string]string{
		"nothing":                           "",
		"a kind alone":                      "subject",
		"an unknown kind":                   "person-" + vectorRef,
		"a short reference":                 "subject-" + vectorRef[:25],
		"upper case":                        "subject-" + strings.ToUpper(vectorRef),
		"spare bits set":                    "subject-" + vectorRef[:25] + "b",
		"a period for a subject":            "subject-" + vectorRef + "-202611",
		"a conversation without period":     "conversation-" + vectorRef,
		"a conversation with an empty one":  "conversation-" + vectorRef + "-",
		"a period that leaves its token":    "conversation-" + vectorRef + "-2026.11",
		"a period of more than 16 letters":  "conversation-" + vectorRef + "-01234567890123456",
		"something after the period":        "conversation-" + vectorRef + "-2026-11",
		"a line break after the reference":  "subject-" + vectorRef + "\n",
		"a line break inside the reference": "subject-" + vectorRef[:5] + "\n" + vectorRef[5:],
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if h, err := seal.ParseHolder(bad); !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("parsed as %q with %v, want ErrInvalid", h, err)
			}
		})
	}
}

func FuzzParseHolder(f *testing.F) {
	f.Add("subject-" + vectorRef)
	f.Add("conversation-" + vectorRef + "-202611")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := seal.ParseHolder(s)
		if err != nil {
			return
		}
		if h.String() != s || len(s) > 64 || strings.ContainsAny(s, ".*> \n") {
			t.Errorf("accepted %q as %q", s, h)
		}
	})
}

func FuzzOpen(f *testing.F) {
	key := newKey(f, "t1")
	holder := []byte(key.ID().Holder.String())
	commit := key.Commit()
	genuine := must(key.Seal(newField("t1"), rand.Reader, []byte("Jane")))(f)
	f.Add(holder, commit[:], genuine.GetBox())
	f.Add([]byte("subject-x"), []byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, holder, commit, box []byte) {
		s := &sealv1.Sealed{Holder: holder, KeyCommit: commit, Box: box}
		plain, err := key.Open(newField("t1"), s)
		if err != nil {
			return
		}
		if !proto.Equal(s, genuine) || string(plain) != "Jane" {
			t.Error("a box that was never sealed was opened")
		}
	})
}
