// Package paymentcard finds numbers of payment cards in text and masks them.
//
// A card number is a row of 12 to 19 digits that begins with a range of an
// issuer, has a length that this issuer gives out, and ends in a Luhn digit that
// fits. Ranges that are in use are known by lengths; a number outside of them is
// not found: cards that no shop takes from everybody (store, fuel and gift cards,
// UATP), and UnionPay's few without a Luhn digit.
//
// What does not hide a number:
//
//   - White space of any kind and width and any amount of it, line breaks with or without a mail's
//     ">", dashes, dots, and mixtures of them, in any grouping; any other sign
//     if all gaps are the same and groups but the last have four digits or more
//     ("4111/1111/...").
//   - Characters without a width between digits, controls and accents among them.
//   - Digits of any script, superscript, circled digits, key caps.
//   - Letters, signs and other numbers beside it.
//   - Percent-encoding, also of percent signs; HTML entities; escapes of JSON.
//     Other encodings (base64, quoted-printable, compression) have to be undone
//     before.
//
// What keeps other numbers from being taken for one: a number begins and ends
// where digits begin and end, never inside a longer row of digits. A number
// inside of one of these is not a card's: a UUID (by its groups of 8-4-4-4-12), a
// word of hexadecimal digits, letters and others among them, of a length that
// object ids and digests have (24, 32, 40, 48, 56, 64, 96, 128), an IBAN whose check
// digits fit, a telephone number that begins with "+", the digits after the dot of a
// number where JSON or SQL have one, a list of sums ("51.20 33.10 ..."). None
// begins or ends inside a date (2026-11-22). What is left is chance: of rows of
// sixteen random digits about one in twenty-five.
package paymentcard
