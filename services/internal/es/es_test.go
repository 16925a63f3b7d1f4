package es_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"

	"github.com/google/go-cmp/cmp"
)

func TestAnAggregateHasOneSubjectAndItReadsBack(t *testing.T) {
	a := es.Aggregate{Context: "consent", Tenant: "t1", Type: "person", ID: "abcdefghijklmnopqrstuvwxyz"}
	const want = "habeas.ev.consent.65.t1.person.abcdefghijklmnopqrstuvwxyz"
	if got := a.Subject(); got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	back, err := es.ParseSubject(want)
	if err != nil || back != a {
		t.Errorf("parsed %v, error %v", back, err)
	}
	for _, bad := range []string{
		"", "habeas.ev", "habeas.ev.consent.65.t1.person", want + ".x", "habeas.ev.consent.00.t1.person." + a.ID,
		"habeas.ev.consent.*.t1.person." + a.ID, "habeas.ev.consent.65.t1.person.>", "other.ev.consent.65.t1.person." + a.ID,
		"habeas.ev.consent._l._log.stream.zz",
	} {
		if _, err := es.ParseSubject(bad); !errors.Is(err, es.ErrInvalidAggregate) {
			t.Errorf("subject %q: %v", bad, err)
		}
	}
}

func TestEveryPartitionHasOneShardAndShardsAreEven(t *testing.T) {
	for _, n := range []int{1, 2, 4, 16, 256} {
		var all []string
		for k := range n {
			parts := es.ShardPartitions(k, n)
			if len(parts) != es.Partitions/n {
				t.Errorf("%d shards: shard %d owns %d partitions", n, k, len(parts))
			}
			for _, p := range parts {
				if es.Shard(p, n) != k {
					t.Errorf("%d shards: partition %s is listed under %d and found under %d", n, p, k, es.Shard(p, n))
				}
			}
			all = append(all, parts...)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(all)))) != es.Partitions {
			t.Errorf("%d shards do not own every partition", n)
		}
	}
	for _, n := range []int{0, -1, 3, 5, 512} {
		if es.ValidShards(n) {
			t.Errorf("%d shards can't be even", n)
		}
	}
}

func TestADerivedIDDependsOnEveryPart(t *testing.T) {
	base := es.DeriveID("t1", "/habeas.sample.v1.BookService/OpenBook", "r1")
	if base != es.DeriveID("t1", "/habeas.sample.v1.BookService/OpenBook", "r1") || len(base) != 26 {
		t.Errorf("derived %s", base)
	}
	for _, other := range []string{es.DeriveID("t2", "/habeas.sample.v1.BookService/OpenBook", "r1"), es.DeriveID("t1", "m", "r1"), es.DeriveID("t1r", "1", "")} {
		if other == base {
			t.Error("two commands have one id")
		}
	}
}

func TestTheNextCommitMustContinueTheLast(t *testing.T) {
	head := es.Head{Seq: 7, Commits: 2, Version: 3, Hash: es.Hash{1}}
	good := es.Recorded{Prev: es.Hash{1}, FirstVersion: 4, Position: es.Position{Seq: 9}, Hash: es.Hash{2}, Commit: es.Commit{Events: make([]es.Event, 2)}}
	next, err := head.Next(good)
	if err != nil || next != (es.Head{Seq: 9, Commits: 3, Version: 5, Hash: es.Hash{2}}) {
		t.Errorf("next %+v, error %v", next, err)
	}
	for reason, bad := range map[string]func(r *es.Recorded){
		es.CorruptChain:   func(r *es.Recorded) { r.Prev = es.Hash{9} },
		es.CorruptVersion: func(r *es.Recorded) { r.FirstVersion = 5 },
		es.CorruptGap:     func(r *es.Recorded) { r.Position.Seq = 7 },
	} {
		r := good
		bad(&r)
		var corrupt *es.CorruptError
		if _, err := head.Next(r); !errors.As(err, &corrupt) || corrupt.Reason != reason {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

func TestATokenMergesToWhatBothHaveSeen(t *testing.T) {
	a := es.Token{"S1": {Stream: "S1", Epoch: "e", Seq: 5}, "S2": {Stream: "S2", Epoch: "e", Seq: 9}}
	b := es.Token{"S1": {Stream: "S1", Epoch: "e", Seq: 7}, "S2": {Stream: "S2", Epoch: "new", Seq: 1}}
	want := es.Token{"S1": {Stream: "S1", Epoch: "e", Seq: 7}, "S2": {Stream: "S2", Epoch: "new", Seq: 1}}
	if diff := cmp.Diff(want, a.Merge(b)); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	back, err := es.ParseToken(want.Encode())
	if diff := cmp.Diff(want, back); err != nil || diff != "" {
		t.Errorf("parsed with error %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"%", "AAAA", string(make([]byte, 9000)), "CgMKAVM"} {
		if _, err := es.ParseToken(bad); !errors.Is(err, es.ErrBadToken) {
			t.Errorf("token %.10q: %v", bad, err)
		}
	}
}

func TestOlderEventsAreReadAsWhatTheyMeanToday(t *testing.T) {
	decode := func(ev es.Event) (string, error) { return string(ev.Data), nil }
	r, err := es.NewRegistry(
		es.Type[string]{Name: "named", Schema: 3, Decode: decode, Upcast: map[uint32]func(es.Event) ([]es.Event, error){
			1: func(ev es.Event) ([]es.Event, error) {
				return []es.Event{{Type: "named", Schema: 2, Data: append(ev.Data, '2')}}, nil
			},
			2: func(ev es.Event) ([]es.Event, error) { // split in two, one of another type
				return []es.Event{{Type: "named", Schema: 3, Data: append(ev.Data, '3')}, {Type: "aged", Schema: 1, Data: []byte("7")}}, nil
			},
		}},
		es.Type[string]{Name: "aged", Schema: 1, Decode: decode},
		es.Type[string]{Name: "looped", Schema: 2, Decode: decode, Upcast: map[uint32]func(es.Event) ([]es.Event, error){
			1: func(ev es.Event) ([]es.Event, error) { return []es.Event{ev}, nil },
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Decode(es.Event{Type: "named", Schema: 1, Data: []byte("a")})
	if diff := cmp.Diff([]string{"a23", "7"}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	var unknown *es.UnknownEventError
	for name, ev := range map[string]es.Event{
		"newer schema": {Type: "named", Schema: 4}, "unknown type": {Type: "x", Schema: 1}, "schema 0": {Type: "named"}, "a loop": {Type: "looped", Schema: 1},
	} {
		if _, err := r.Decode(ev); !errors.As(err, &unknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := r.DecodeForeign(es.Event{Type: "x", Schema: 1}); err != nil || got != nil {
		t.Errorf("a foreign reader passes over what it does not know: %v, %v", got, err)
	}
	if _, err := r.DecodeForeign(es.Event{Type: "x", Schema: 1, Critical: true}); !errors.As(err, &unknown) {
		t.Errorf("a foreign reader halts on what is critical: %v", err)
	}
}

func TestARegistryWithAHoleIsRefused(t *testing.T) {
	decode := func(es.Event) (int, error) { return 0, nil }
	for name, types := range map[string][]es.Type[int]{
		"no upcaster": {{Name: "a", Schema: 2, Decode: decode}},
		"twice":       {{Name: "a", Schema: 1, Decode: decode}, {Name: "a", Schema: 1, Decode: decode}},
		"no decoder":  {{Name: "a", Schema: 1}},
	} {
		if _, err := es.NewRegistry(types...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTheCountersEventsStayReadable(t *testing.T) {
	registry, err := es.NewRegistry(estest.CounterTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(e estest.CounterEvent) (es.Event, error) { return estest.EncodeCounter(e), nil }
	estest.Corpus(t, "testdata/counter", registry, encode, []estest.CounterEvent{estest.Added{By: 300}, estest.Closed{}, estest.AddRefused{}})
}

func TestAKeyVouchesOnlyForWhatItsAnnouncerMay(t *testing.T) {
	logKey, service, other := signer(t), signer(t), signer(t)
	c := es.Control{Context: "identity", Partition: "00"}
	instance, service2, selfMade := signer(t), logv1.KeyRole_KEY_ROLE_SERVICE, signer(t)
	roleInstance := logv1.KeyRole_KEY_ROLE_INSTANCE
	for name, tc := range map[string]struct {
		announce func(s *es.MemoryStore)
		want     string
	}{
		"an instance of an announced service": {want: ""},
		"an instance that another service's key announced": {want: es.CorruptSignature, announce: func(s *es.MemoryStore) {
			announce(t, s.As(logKey), c, service2, "consent", other)
			announce(t, s.As(other), c, roleInstance, "identity", instance)
		}},
		"a service that announced itself": {want: es.CorruptSignature, announce: func(s *es.MemoryStore) {
			announce(t, s.As(selfMade), c, service2, "identity", selfMade)
			announce(t, s.As(selfMade), c, roleInstance, "identity", instance)
		}},
		"an instance that announced itself": {want: es.CorruptKey, announce: func(s *es.MemoryStore) {
			announce(t, s.As(instance), c, roleInstance, "identity", instance)
		}},
		"an instance that an instance announced": {want: es.CorruptKey, announce: func(s *es.MemoryStore) {
			announce(t, s.As(logKey), c, service2, "identity", service)
			announce(t, s.As(service), c, roleInstance, "identity", other)
			announce(t, s.As(other), c, roleInstance, "identity", instance)
		}},
		"a service key that signs a commit": {want: es.CorruptKey, announce: func(s *es.MemoryStore) {
			announce(t, s.As(logKey), c, service2, "identity", instance)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := es.NewMemoryStore(instance)
			if tc.announce == nil {
				announce(t, s.As(logKey), c, service2, "identity", service)
				announce(t, s.As(service), c, roleInstance, "identity", instance)
			} else {
				tc.announce(s)
			}
			agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "a"}
			r, err := s.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1))
			if err != nil {
				t.Fatal(err)
			}
			ring := es.NewKeyRing(s, logKey.Public(), 1)
			ring.Own(agg, r.Message) // that it is the reader's own makes it no truer
			err = ring.Verify(t.Context(), r)
			var corrupt *es.CorruptError
			if tc.want == "" && err != nil || tc.want != "" && (!errors.As(err, &corrupt) || corrupt.Reason != tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func announce(t *testing.T, s *es.MemoryStore, c es.Control, role logv1.KeyRole, service string, of es.Signer) {
	t.Helper()
	if err := es.Announce(context.Background(), s, rand.Reader, c, role, service, of.Public(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func FuzzCommitDecoder(f *testing.F) {
	s, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "a"}
	c := es.Commit{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Aggregate: agg, Time: time.Unix(1, 0), Events: []es.Event{{Type: "a", Schema: 1}}}
	m, err := es.Encode(es.Head{Version: 3, Hash: es.Hash{1}}, c, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Subject, m.ID, m.Data, m.Header[es.HeaderTypes])
	f.Fuzz(func(t *testing.T, subject, id string, data []byte, types string) {
		header := map[string]string{es.HeaderTypes: types, es.HeaderSchema: es.SchemaVersion}
		r, err := es.Decode(es.Message{Subject: subject, ID: id, Data: data, Header: header}, es.Position{Seq: 1}, time.Time{})
		if err != nil {
			var corrupt *es.CorruptError
			if !errors.As(err, &corrupt) {
				t.Errorf("an error without a place: %v", err)
			}
			return
		}
		if r.Aggregate.Subject() != subject || r.ID != id || len(r.Events) == 0 || r.FirstVersion == 0 {
			t.Error("decoded something that could not have been encoded")
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(es.Token{"S": {Stream: "S", Epoch: "e", Seq: 1}}.Encode())
	f.Fuzz(func(t *testing.T, text string) {
		token, err := es.ParseToken(text)
		if err != nil {
			return
		}
		again, err := es.ParseToken(token.Encode())
		if diff := cmp.Diff(token, again); err != nil || diff != "" {
			t.Errorf("error %v (-first +again):\n%s", err, diff)
		}
	})
}

func FuzzSubject(f *testing.F) {
	f.Add("habeas.ev.consent.65.t1.person.abcdefghijklmnopqrstuvwxyz")
	f.Add("habeas.ev.consent.00._log.stream.00")
	f.Fuzz(func(t *testing.T, subject string) {
		a, err := es.ParseSubject(subject)
		if err == nil && a.Subject() != subject {
			t.Errorf("%q reads back as %q", subject, a.Subject())
		}
	})
}

func TestSignedBytesAreFrozen(t *testing.T) {
	s := es.NewSigner(seedKey())
	agg := es.Aggregate{Context: "consent", Tenant: "t1", Type: "person", ID: "s1"}
	c := es.Commit{
		ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", CommandID: "cmd-1", Client: true, Digest: []byte{1, 2}, Aggregate: agg,
		Time: time.Unix(1790000000, 5).UTC(), Refusal: "NO", Meta: es.Meta{Correlation: "r1", Causation: "c1"},
		Events: []es.Event{{Type: "consent.given", Schema: 2, Critical: true, Data: []byte("x")}},
	}
	m, err := es.Encode(es.Head{Seq: 4, Commits: 1, Version: 1, Hash: es.Hash{0xab}}, c, s)
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(m.Data) + "\n" + m.Header[es.HeaderKeyID] + "\n" + m.Header[es.HeaderSignature] + "\n" + m.Subject + "\n" + m.Header[es.HeaderTypes]
	if diff := cmp.Diff(frozenCommit, got); diff != "" {
		t.Errorf("the encoding of a commit has changed; every log written so far would be unreadable (-want +got):\n%s", diff)
	}
}

func TestACommandOfASagaIsRememberedLikeAClients(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(store, ring)
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "saga"}
	step := es.Command[estest.CounterCommand]{ID: "step-1", At: time.Now(), Data: estest.Add{By: 5}}
	store.LoseOutcomes(1)
	if _, err := h.Handle(t.Context(), agg, step); !errors.Is(err, es.ErrUnknownOutcome) {
		t.Fatalf("want an unknown outcome, got %v", err)
	}
	for i := range 40 { // clients do not push it out
		id := "client-" + string(rune('A'+i))
		if _, err := h.Handle(t.Context(), agg, estest.ClientCommand(id, estest.Add{By: 1}, id)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := h.Handle(t.Context(), agg, step)
	if err != nil || !res.Repeated || res.State.Sum != 45 {
		t.Errorf("repeated %v, sum %d, error %v", res.Repeated, res.State.Sum, err)
	}
}

func TestACommandWithoutAnIDIsRefused(t *testing.T) {
	store, ring := openMemory(t)
	h, err := estest.CounterHandler(store, ring)
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "none"}
	if _, err := h.Handle(t.Context(), agg, estest.ClientCommand("", estest.Add{By: 1}, "")); !errors.Is(err, es.ErrNoCommandID) {
		t.Errorf("handled with error %v", err)
	}
}

func TestAHeaderThatDiffersFromTheBodyIsCorruption(t *testing.T) {
	s := signer(t)
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "a"}
	m, err := es.Encode(es.Head{}, estest.NewCommit(t, agg, 1), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{es.HeaderTypes, es.HeaderSchema} {
		changed := m
		changed.Header = maps.Clone(m.Header)
		changed.Header[header] = "other"
		var corrupt *es.CorruptError
		if _, err := es.Decode(changed, es.Position{Seq: 1}, time.Time{}); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptHeader {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestWhatAnAppendReturnsIsWhatALoadReads(t *testing.T) {
	s := signer(t)
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: "a"}
	c := estest.NewCommit(t, agg, 1, 2)
	c.Client, c.Digest, c.Refusal, c.Meta = true, []byte{1}, "NO", es.Meta{Correlation: "a", Causation: "b", Traceparent: "c"}
	head, at := es.Head{Version: 4, Hash: es.Hash{7}}, es.Position{Stream: "S", Epoch: "e", Seq: 9}
	m, err := es.Encode(head, c, s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := es.Decode(m, at, time.Time{})
	if diff := cmp.Diff(read, es.Record(head, c, m, at)); err != nil || diff != "" {
		t.Errorf("error %v (-read +returned):\n%s", err, diff)
	}
}
