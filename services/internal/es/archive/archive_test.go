package archive_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/google/go-cmp/cmp"
)

const (
	installation = "inst-a"
	stored       = 1_800_000_000_123_456_789
)

func signer() es.Signer {
	return es.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
}

// message is the n-th message of stream s of the small file.
func message(s int, n uint64) archive.Message {
	return archive.Message{
		Stream: s, Seq: n, Stored: time.Unix(0, stored+int64(n)).UTC(),
		Message: es.Message{
			Subject: "habeas.ev.consent.00.t.person.p", ID: "id" + string('0'+rune(n)),
			Header: map[string]string{"habeas-types": "a.v1", "habeas-causation": ""}, Data: []byte{0xca, 0xfe, byte(n)},
		},
	}
}

func rows() []archive.Row {
	return []archive.Row{
		{Stream: 0, Subject: "habeas.vault.00.key.t.h", Value: []byte("wrapped")},
		{Stream: 1, Subject: "habeas.suppression.x", Value: []byte{}},
	}
}

func header() archive.Header {
	h := archive.Header{
		Installation: installation, Contexts: []string{"consent"}, Shards: 2, Replicas: 1,
		LogKey: signer().Public(), Created: time.Unix(1_800_000_000, 0).UTC(), Rows: []string{"VAULT", "SUPPRESSION"},
	}
	for i, last := range []uint64{3, 1} {
		name := "HABEAS_CONSENT_0" + string('0'+rune(i))
		chain := archive.NewChain(installation, name, "epoch")
		for n := range last {
			chain.Add(message(i, n+1))
		}
		h.Streams = append(h.Streams, archive.Stream{
			Name: name, Context: "consent", Shard: i, Epoch: "epoch",
			Configuration: []byte(`{"name":"x"}`), LastSequence: last, Digest: chain.Digest(),
		})
	}
	return h
}

// file is the whole small file.
func file(t testing.TB, logKey es.Signer) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, header())
	if err != nil {
		t.Fatal(err)
	}
	for s, last := range []uint64{3, 1} {
		for n := range last {
			if err := w.Message(message(s, n+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, row := range rows() {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(logKey); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type content struct {
	Header   archive.Header
	Messages []archive.Message
	Rows     []archive.Row
	Signed   bool
}

// read is what a careful reader does with a file.
func read(b []byte, allowUnsigned bool) (c content, err error) {
	r, err := archive.NewReader(bytes.NewReader(b))
	if err != nil {
		return c, err
	}
	c.Header = r.Header()
	for {
		m, err := r.Message()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		c.Messages = append(c.Messages, m)
	}
	for {
		row, err := r.Row()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		c.Rows = append(c.Rows, row)
	}
	_, c.Signed, err = r.Finish(signer().Public(), allowUnsigned)
	return c, err
}

func TestAFileIsReadBackAsItWasWritten(t *testing.T) {
	got, err := read(file(t, signer()), false)
	if err != nil {
		t.Fatal(err)
	}
	want := content{
		Header: header(), Rows: rows(), Signed: true,
		Messages: []archive.Message{message(0, 1), message(0, 2), message(0, 3), message(1, 1)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("content differs (-want +got):\n%s", diff)
	}
}

func TestTheChainDigestIsTheDocumentedOne(t *testing.T) {
	// Computed apart from this program, by the formula of the package comment.
	const want = "87b47fd4806806d1bc39f8d9fd07e4666082ca3fc207939d4a2be6a1da22a7d1"
	if got := hex.EncodeToString(header().Streams[0].Digest); got != want {
		t.Errorf("digest = %s, want %s", got, want)
	}
}

func TestAnUnsignedFileIsTakenOnlyWhenAllowed(t *testing.T) {
	unsigned := file(t, es.Signer{})
	if _, err := read(unsigned, false); reason(err) != archive.Unsigned {
		t.Errorf("not allowed: error = %v, want %s", err, archive.Unsigned)
	}
	got, err := read(unsigned, true)
	if err != nil || got.Signed {
		t.Errorf("allowed: signed = %v, error = %v", got.Signed, err)
	}
}

func TestAFileSignedByAnotherKeyIsRefused(t *testing.T) {
	other := es.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if _, err := read(file(t, other), true); reason(err) != archive.SignatureInvalid {
		t.Errorf("error = %v, want %s", err, archive.SignatureInvalid)
	}
}

func TestATruncatedFileIsRefusedWhereverItEnds(t *testing.T) {
	whole := file(t, signer())
	for n := range whole {
		_, err := read(whole[:n], false)
		want := []string{archive.Truncated}
		switch {
		case n < len(archive.Magic):
			want = []string{archive.NotAnArchive}
		case reason(err) == archive.Unsigned: // cut exactly before the signature
			want = []string{archive.Unsigned}
		}
		if !slices.Contains(want, reason(err)) {
			t.Fatalf("first %d of %d bytes: error = %v, want one of %v", n, len(whole), err, want)
		}
	}
}

func TestAFlippedBitIsRefusedWhereverItIs(t *testing.T) {
	whole := file(t, signer())
	for i := range whole {
		for bit := range 8 {
			altered := slices.Clone(whole)
			altered[i] ^= 1 << bit
			if _, err := read(altered, true); reason(err) == "" {
				t.Fatalf("bit %d of byte %d of %d: error = %v, want a FileError", bit, i, len(whole), err)
			}
		}
	}
}

func TestAnythingAfterTheEndIsRefused(t *testing.T) {
	if _, err := read(append(file(t, signer()), 0), false); reason(err) != archive.Altered {
		t.Errorf("error = %v, want %s", err, archive.Altered)
	}
}

func TestAFileOfAnotherVersionIsNamedAsSuch(t *testing.T) {
	b := bytes.Replace(file(t, signer()), []byte("archive/1"), []byte("archive/2"), 1)
	if _, err := read(b, false); reason(err) != archive.VersionUnknown {
		t.Errorf("error = %v, want %s", err, archive.VersionUnknown)
	}
}

func TestAWriterRefusesWhatDoesNotFollowTheHeader(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *archive.Writer) error
	}{
		{"a later message first", func(w *archive.Writer) error { return w.Message(message(0, 2)) }},
		{"another stream first", func(w *archive.Writer) error { return w.Message(message(1, 1)) }},
		{"a row before the messages", func(w *archive.Writer) error { return w.Row(rows()[0]) }},
		{"an end before the messages", func(w *archive.Writer) error { _, err := w.Finish(signer()); return err }},
		{"a message that the digest does not cover", func(w *archive.Writer) error {
			altered := message(0, 3)
			altered.Data = []byte("other")
			return errors.Join(w.Message(message(0, 1)), w.Message(message(0, 2)), w.Message(altered))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, err := archive.NewWriter(io.Discard, header())
			if err != nil {
				t.Fatal(err)
			}
			if test.write(w) == nil {
				t.Error("was written")
			}
		})
	}
}

func FuzzAReaderRefusesOrReadsButNeverFails(f *testing.F) {
	f.Add(file(f, signer()))
	f.Add([]byte(archive.Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := read(b, true); err != nil && reason(err) == "" {
			t.Errorf("error = %v, want a FileError", err)
		}
	})
}

func reason(err error) string {
	var file *archive.FileError
	if !errors.As(err, &file) {
		return ""
	}
	return file.Reason
}
