package jetstream_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"
)

// reframe rewrites a file frame by frame, with checksums that are right; a
// nil payload drops the frame.
func reframe(t *testing.T, file []byte, edit func(kind byte, n int, payload []byte) []byte) []byte {
	t.Helper()
	out, rest := []byte(archive.Magic), file[len(archive.Magic):]
	for n := 0; len(rest) > 0; n++ {
		size := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		payload := edit(rest[0], n, bytes.Clone(rest[5:size]))
		if payload != nil {
			frame := binary.BigEndian.AppendUint32([]byte{rest[0]}, uint32(len(payload)))
			frame = append(frame, payload...)
			out = append(out, frame...)
			out = binary.BigEndian.AppendUint32(out, crc32.Checksum(frame, crc32.MakeTable(crc32.Castagnoli)))
		}
		rest = rest[size+4:]
	}
	return out
}

// rewrite makes a whole archive, signed by another key, that ends each stream
// a message earlier.
func rewrite(t *testing.T, file []byte, signer es.Signer) []byte {
	t.Helper()
	in, err := archive.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	h, byStream := in.Header(), map[int][]archive.Message{}
	for {
		m, err := in.Message()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		byStream[m.Stream] = append(byStream[m.Stream], m)
	}
	for i := range h.Streams {
		s := &h.Streams[i]
		s.LastSequence--
		chain := archive.NewChain(h.Installation, s.Name, s.Epoch)
		for _, m := range byStream[i][:s.LastSequence] {
			chain.Add(m)
		}
		s.Digest = chain.Digest()
	}
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range h.Streams {
		for _, m := range byStream[i][:s.LastSequence] {
			if err := w.Message(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(signer); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestABadArchiveIsRefusedAndAGoodOneTakenAfterIt(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 50)
	old.keep(t)
	good := old.export(t)
	stories, rows := old.stories(t), old.rows(t)
	frames := 0
	reframe(t, good, func(_ byte, n int, p []byte) []byte { frames = n; return p })
	flipped := bytes.Clone(good)
	flipped[len(good)/2] ^= 1
	tests := []struct {
		name string
		file []byte
		want func(error) bool
	}{
		{"cut in the middle", good[:len(good)/2], refusedFor(archive.Truncated)},
		{"cut before its signature", reframe(t, good, func(kind byte, _ int, p []byte) []byte {
			if kind == 'S' {
				return nil
			}
			return p
		}), refusedFor(archive.Unsigned)},
		{"with a flipped bit", flipped, refusedFor(archive.Altered)},
		{"with a message taken out", reframe(t, good, func(_ byte, n int, p []byte) []byte {
			if n == frames/2 {
				return nil
			}
			return p
		}), refusedFor(archive.Altered)},
		{"with a body that was changed and its checksum too", reframe(t, good, func(kind byte, n int, p []byte) []byte {
			if kind == 'M' && n == 30 {
				p[len(p)-1] ^= 1
			}
			return p
		}), isCorrupt},
		{"with a row that was changed and its checksum too", reframe(t, good, func(kind byte, _ int, p []byte) []byte {
			if kind == 'R' {
				p[len(p)-1] ^= 1
			}
			return p
		}), refusedFor(archive.Altered)},
		{"rewritten whole, with later commits left out", rewrite(t, good, old.in.Service), refusedFor(archive.SignatureInvalid)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, next := old.into(t, testserver.NATS(t), 2, 1)
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(test.file)); !test.want(err) {
				t.Fatalf("import: %v", err)
			}
			if _, err := jetstream.Open(t.Context(), cfg.Config); !errors.Is(err, jetstream.ErrImportUnfinished) {
				t.Errorf("open after it: %v", err)
			}
			if test.name != "cut in the middle" && test.name != "with a flipped bit" {
				return // what was read is not what the good one holds
			}
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(good)); err != nil {
				t.Fatalf("import of the good one: %v", err)
			}
			next.log = next.in.Open(t, next.server.Connect(t, testserver.Admin))
			next.sameAs(t, stories, rows)
		})
	}
}

func refusedFor(reason string) func(error) bool {
	return func(err error) bool {
		var file *archive.FileError
		return errors.As(err, &file) && file.Reason == reason
	}
}

func isCorrupt(err error) bool {
	var corrupt *es.CorruptError
	return errors.As(err, &corrupt)
}

func isTarget(err error) bool {
	var target *jetstream.TargetError
	return errors.As(err, &target)
}

func TestAnUnsignedArchiveIsTakenOnlyWhenAllowed(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 5)
	var file bytes.Buffer
	if _, err := old.log.Export(t.Context(), &file, jetstream.ExportConfig{SkipSignatures: true, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	cfg, next := old.into(t, testserver.NATS(t), 2, 1)
	if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file.Bytes())); !refusedFor(archive.Unsigned)(err) {
		t.Errorf("not allowed: %v", err)
	}
	cfg.AllowUnsigned = true
	got, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file.Bytes()))
	if err != nil || got.Signed {
		t.Fatalf("allowed: signed %v, error %v", got.Signed, err)
	}
	next.log = next.in.Open(t, next.server.Connect(t, testserver.Admin))
	next.sameAs(t, old.stories(t), old.rows(t))
}

func TestAnArchiveOfAnotherLogKeyMakesNothing(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 5)
	cfg, next := old.into(t, testserver.NATS(t), 2, 1)
	cfg.OldLogKey = jstest.Signer(t).Public()
	if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(old.export(t))); !errors.Is(err, es.ErrUntrusted) {
		t.Errorf("import: %v", err)
	}
	for name := range next.js(t).StreamNames(t.Context()).Name() {
		t.Errorf("stream %s was made", name)
	}
}

func TestATargetWithOtherContentIsRefused(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 20)
	old.keep(t)
	file := old.export(t)
	cut := file[:len(file)/2]
	tests := []struct {
		name    string
		prepare func(t *testing.T, cfg jetstream.ImportConfig, next *home)
	}{
		{"another installation", func(t *testing.T, _ jetstream.ImportConfig, next *home) {
			next.in.Provision(t, next.server.Connect(t, testserver.Admin))
		}},
		{"a begun import of another archive", func(t *testing.T, cfg jetstream.ImportConfig, _ *home) {
			other := settle(t, testserver.NATS(t), 1, 1)
			cfg.OldLogKey = other.in.LogKey.Public()
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(other.export(t))); err != nil {
				t.Fatal(err)
			}
		}},
		{"a finished import whose services have started", func(t *testing.T, cfg jetstream.ImportConfig, next *home) {
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file)); err != nil {
				t.Fatal(err)
			}
			next.in.Open(t, next.server.Connect(t, testserver.Admin))
		}},
		{"a waiting timer", func(t *testing.T, cfg jetstream.ImportConfig, next *home) {
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file)); err != nil {
				t.Fatal(err)
			}
			log, err := jetstream.Open(t.Context(), cfg.Config)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			if err := log.SetTimer(t.Context(), jetstream.Timer{Aggregate: next.aggs[0], Name: "due", At: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}},
		{"a row with another value", halfImported(cut, "habeas.suppression.t1.a")},
		{"a row too many", halfImported(cut, "habeas.suppression.t1.b")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, next := old.into(t, testserver.NATS(t), 2, 1)
			test.prepare(t, cfg, next)
			before := next.domain(t)
			if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file)); !isTarget(err) {
				t.Errorf("import: %v", err)
			}
			if got := next.domain(t); test.name == "another installation" && got != before {
				t.Errorf("%d commits were added", got-before)
			}
		})
	}
}

// halfImported is a target with half of the commits and a row of its own.
func halfImported(cut []byte, row string) func(t *testing.T, cfg jetstream.ImportConfig, next *home) {
	return func(t *testing.T, cfg jetstream.ImportConfig, next *home) {
		if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(cut)); err == nil {
			t.Fatal("half an archive was taken")
		}
		if _, err := next.js(t).Publish(t.Context(), row, []byte("other")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATopologyThatLacksAContextIsRefused(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	cfg, _ := old.into(t, testserver.NATS(t), 2, 1)
	cfg.Config.Topology.Contexts = []string{"identity"}
	if _, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(old.export(t))); !errors.Is(err, es.ErrConfiguration) {
		t.Errorf("import: %v", err)
	}
	part := old.in
	part.Topology.Contexts = []string{"consent"}
	log := part.OpenWith(t, part.Config(t, old.server.Connect(t, testserver.Admin)))
	if _, err := log.Export(t.Context(), io.Discard, jetstream.ExportConfig{}); !errors.Is(err, es.ErrConfiguration) {
		t.Errorf("export of one of two contexts: %v", err)
	}
}
