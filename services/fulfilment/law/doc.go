// Package law is the law's clocks as pure functions: by when a request is to
// be answered, and what may move that day. A rule pack holds what one law
// says, as data; a calendar holds which days are not worked.
//
// How a period is counted: the day of receipt, in the controller's zone, is
// not counted. Months end on the day that bears the same date, or on the last
// day of a month that has no such date. Where the pack says so, an end on a
// Saturday, Sunday or holiday moves to the next working day. An extension
// counts from receipt, not from its notice. Of several clocks that apply the
// earliest end binds.
//
// An end is told as the instant after its last day: an answer is in time if
// it is given before it. Nothing here knows the present: a deadline follows
// from the request's events, its packs and its calendar, and from nothing
// else.
package law
