package rpc

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// envelope is a message on its way into the codec together with its limit. The
// codec is the one place that knows the bytes received before decoding them.
type envelope struct {
	message any
	limit   int
	// err is what was wrong with the message. The codec does not return it: on
	// a codec's error gRPC answers the caller itself, quoting the error.
	err error
}

// codec is gRPC's own protobuf codec that also obeys envelopes.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Unmarshal decodes into the message in the envelope, or notes in it why not.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	e, ok := v.(*envelope)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if data.Len() > e.limit {
		e.err = errTooLarge
	} else if c.CodecV2.Unmarshal(data, e.message) != nil {
		e.err = errMalformed
	}
	return nil
}

// decode receives one request message: within its limit, decoded, without the
// number of a payment card, and valid.
// A message larger than every method's limit never gets here; gRPC refuses it
// with the same code and its own text.
func (c *call) decode(message any) error {
	c.envelope = envelope{message: message, limit: c.method.limits.RequestBytes}
	if err := c.receive(&c.envelope); err != nil {
		return notReceived(err)
	}
	if c.envelope.err != nil {
		return c.envelope.err
	}
	if err := c.method.cards.refuse(message); err != nil {
		return err
	}
	return c.server.validate(message)
}

// notReceived names a failure to receive for the metrics. It keeps io.EOF, the
// end of a stream, and the ends of the call itself.
func notReceived(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return errTooLarge
	case codes.Internal:
		return errMalformed
	default:
		return err
	}
}
