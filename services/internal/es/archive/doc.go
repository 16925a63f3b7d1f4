// Package archive is the file in which a log moves from one installation to
// another. It is written and read as a stream, from end to end, and knows
// nothing of the store on either side.
//
// A file is the line [Magic] and then frames:
//
//	kind     1 byte
//	length   4 bytes, big endian, of the payload
//	payload
//	crc      4 bytes, big endian: CRC-32C of kind, length and payload
//
// in this order: one header (kind H, JSON), every message of every log stream
// (kind M), the current rows of the mutable streams (kind R), one trailer
// (kind T, JSON), and, if the file was signed, one signature (kind S, JSON).
// Nothing follows.
//
// The header names, for each stream, the last sequence and the chain digest
// over all messages up to it, so that whoever imports the file can name the
// ancestors before the first message has been read:
//
//	d(0) = SHA-256("habeas-archive-stream/1\n" ‖ lp(installation) ‖ lp(stream) ‖ lp(epoch))
//	d(n) = SHA-256(d(n−1) ‖ u64(sequence) ‖ i64(stored, ns since 1970) ‖ lp(subject) ‖ lp(message id)
//	       ‖ u16(number of headers) ‖ for each by name: lp(name) ‖ lp(value) ‖ SHA-256(body))
//
// where lp(x) is a u32 length and x, and integers are big endian. Rows, which
// have no history, are summed up in the trailer:
//
//	r(0) = SHA-256("habeas-archive-rows/1\n" ‖ lp(stream))
//	r(n) = SHA-256(r(n−1) ‖ lp(subject) ‖ SHA-256(value))
//
// The trailer holds the counts, these digests and the SHA-256 of the file up
// to it. The signature is by the log key of the exported installation over
// SHA-256("habeas-archive/1\n" ‖ the trailer's payload).
//
// A damaged frame is noticed before its content is handed out, a shortened or
// altered file at the latest where it ends: what was read may be relied on
// once [Reader.Finish] has returned nil. A file holds wrapped keys and lookup
// rows: it is to be kept, and destroyed, as a backup of the vault is.
package archive
