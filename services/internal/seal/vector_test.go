package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"

	"github.com/google/go-cmp/cmp"
)

// vector is one frozen box. Its inputs are fixed bytes; its outputs were made
// by the second implementation below and must never change.
type vector struct {
	name      string
	id        seal.KeyID
	version   uint32
	field     seal.Field
	plaintext string
	commit    string
	box       string
}

// vectorCommit is SHA-256 of the label and 32 times 0x33.
const vectorCommit = "f5c9a1796bb9f70840829e9f2290d609ec0d0f0b9120595a67ed0747e1addb71"

const vectorRef = "aebagbafaydqqcikbmga2dqpca" // bytes 01 02 … 10

func vectors(t *testing.T) []vector {
	t.Helper()
	subject := must(seal.NewHolder(seal.Subject, vectorRef))(t)
	conversation := must(seal.NewConversation(vectorRef, "202611"))(t)
	field := seal.Field{
		Tenant: "t1", Context: "identity", AggregateType: "subject", AggregateID: vectorRef,
		EventID: "ceirceirceirceirceirceirce-0", Path: "identifiers[2].value",
	}
	return []vector{
		{
			name: "an address under a subject's profile key",
			id:   seal.KeyID{Tenant: "t1", Holder: subject, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}, version: 1,
			field: field, plaintext: "jane@example.com",
			commit: vectorCommit,
			box: "01010000000144444444444444444444444463a729e80322aac2cb53cbeb7ab982117974b2119ccec8a4979275eaf28cdf5e" +
				"c1afab055d4fac7a726c39c6e16f4054",
		},
		{
			name: "an empty text under a conversation's key",
			id:   seal.KeyID{Tenant: "t1", Holder: conversation, Class: sealv1.KeyClass_KEY_CLASS_MESSAGE}, version: 258,
			field: field, plaintext: "",
			commit: vectorCommit,
			box: "010500000102444444444444444444444444204cef016a93e42263b11dc893b9d32145a3105c4d3f6195a0f5efca1089b2f2" +
				"86fe296f364d5ae4d0cdf956d08e0868",
		},
		{
			name: "thirty-two bytes, which need a second step for their padding",
			id:   seal.KeyID{Tenant: "t1", Holder: subject, Class: sealv1.KeyClass_KEY_CLASS_STATUTORY}, version: 1,
			field: field, plaintext: "0123456789abcdef0123456789abcdef",
			commit: vectorCommit,
			box: "01060000000144444444444444444444444435b07962b50c3b41efa6b4976ff953ec7f2517221dacd20b1f4c3f45c1ab31a6" +
				"98b9accf4fea6d573626adcda7f618ca0143346218967aadaa5d0f1f22bfcbe5fdf3c0e290f93c6973b9c0233de67438",
		},
	}
}

func TestBoxesAreWhatTheVectorsSay(t *testing.T) {
	dek, nonce := bytes.Repeat([]byte{0x33}, 32), bytes.Repeat([]byte{0x44}, 12)
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			key := must(seal.NewKey(v.id, v.version, dek))(t)
			sealed := must(key.Seal(v.field, bytes.NewReader(nonce), []byte(v.plaintext)))(t)
			if diff := cmp.Diff(v.box, hex.EncodeToString(sealed.GetBox())); diff != "" {
				t.Errorf("box differs from the vector (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(v.commit, hex.EncodeToString(sealed.GetKeyCommit())); diff != "" {
				t.Errorf("commitment differs from the vector (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(secondBox(v, dek, nonce), sealed.GetBox()); diff != "" {
				t.Errorf("box differs from the second implementation (-want +got):\n%s", diff)
			}
			if got := must(key.Open(v.field, sealed))(t); string(got) != v.plaintext {
				t.Errorf("opened to %q, want %q", got, v.plaintext)
			}
		})
	}
}

// secondBox is the format once more, from nothing but AES, SHA-256 and HMAC.
func secondBox(v vector, dek, nonce []byte) []byte {
	padded := append([]byte(v.plaintext), 0x80)
	for len(padded)%32 != 0 {
		padded = append(padded, 0)
	}
	var aad bytes.Buffer
	aad.WriteString("habeas-field/v1")
	for _, s := range []string{
		v.field.Tenant, v.field.Context, v.field.AggregateType, v.field.AggregateID,
		v.field.EventID, v.field.Path, v.id.Holder.String(),
	} {
		_ = binary.Write(&aad, binary.BigEndian, uint32(len(s)))
		aad.WriteString(s)
	}
	aad.WriteByte(byte(v.id.Class))
	_ = binary.Write(&aad, binary.BigEndian, v.version)

	box := bytes.NewBuffer([]byte{1, byte(v.id.Class)})
	_ = binary.Write(box, binary.BigEndian, v.version)
	box.Write(nonce)
	box.Write(secondGCM(secondHKDF(dek, "habeas/v1 enc|"+seal.ClassName(v.id.Class)), nonce, padded, aad.Bytes()))
	return box.Bytes()
}

// secondHKDF is RFC 5869 for one block of output and an empty salt.
func secondHKDF(secret []byte, info string) []byte {
	extract := hmac.New(sha256.New, make([]byte, 32))
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write(append([]byte(info), 1))
	return expand.Sum(nil)
}

// secondGCM is SP 800-38D, bit by bit.
func secondGCM(key, nonce, plaintext, aad []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	var h, mask [16]byte
	block.Encrypt(h[:], h[:])
	counter := append(bytes.Clone(nonce), 0, 0, 0, 1)
	block.Encrypt(mask[:], counter)
	counter[15] = 2
	out := make([]byte, len(plaintext))
	cipher.NewCTR(block, counter).XORKeyStream(out, plaintext)

	var sum [16]byte
	absorb := func(data []byte) {
		for len(data) > 0 {
			n := min(16, len(data))
			for i := range n {
				sum[i] ^= data[i]
			}
			data, sum = data[n:], multiply(sum, h)
		}
	}
	absorb(aad)
	absorb(out)
	absorb(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(len(aad))*8), uint64(len(out))*8))
	for i := range sum {
		sum[i] ^= mask[i]
	}
	return append(out, sum[:]...)
}

// multiply is the product in GF(2^128) with GCM's bit order.
func multiply(x, y [16]byte) (z [16]byte) {
	v := y
	for i := range 128 {
		if x[i/8]>>(7-i%8)&1 == 1 {
			for j := range z {
				z[j] ^= v[j]
			}
		}
		low := v[15] & 1
		for j := 15; j > 0; j-- {
			v[j] = v[j]>>1 | v[j-1]<<7
		}
		v[0] >>= 1
		if low == 1 {
			v[0] ^= 0xe1
		}
	}
	return z
}

// must turns a (value, error) pair into the value, or ends the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
