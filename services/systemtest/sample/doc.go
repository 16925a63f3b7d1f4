// Package sample is a guest book: the smallest service that uses every part
// of the kit, and the shape that the real services have. Its root is the
// domain, pure; internal/wire turns events into their stored form and seals
// names; internal/view is the read model; internal/rpc the handlers and the
// one error table; sampled wires it all by hand.
//
// States: a book is unopened, open, closed. Rules: an open book takes guests
// until it is closed or its time is over; a guest who comes too late is
// refused, and the refusal is recorded; closing twice changes nothing. Once
// closed, the closing is announced to the outside once.
//
// It owns no context of its own: tests run it in that of identity. It never
// runs in production.
package sample
