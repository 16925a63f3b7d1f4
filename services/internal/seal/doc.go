// Package seal turns personal data into the one form in which it may enter an
// event, and back: a box under a key that belongs to one holder and class.
// Destroying the key erases what the box held wherever its bytes went, while
// the event that carries it stays whole and provable.
//
// What a caller may rely on:
//
//   - A box opens only in the place that it was made for: same tenant,
//     context, aggregate, event, field, holder, class and key version. The
//     name of a stream is no part of it, so a log may be moved.
//   - A box opens only under the key that it names. The commitment is checked
//     first, because AES-GCM alone would let two keys open one box.
//   - Lengths show in steps of 32 bytes only.
//   - What is erased reads as an Erased error with the time and the reason,
//     never as an empty value.
//   - Keys print as [redacted], also inside other values.
//
// The packages below it keep the keys. rows is where they lie, kms holds the
// keys that wrap them, and kek ends those, epoch by epoch. vault makes data
// keys, hands them out and destroys them; fence makes sure that nobody goes on
// using one; keycache is what a service uses. pepper and lookup find people by
// keyed hash, and suppression remembers what must not come back.
package seal
