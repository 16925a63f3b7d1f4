// Package retention is the service that knows what must be kept, until when, and
// why, and without whose permit nothing is destroyed.
//
// Aggregates: a schedule for each policy, and a person by subject_ref.
//
// A schedule has versions, each with the moment from which it decides. Its
// rules are duties and rights to keep: of a category and all below it, in some
// systems or all, for a period, on a ground, by an authority. A rule without
// an end is refused. What no rule names may be erased; a policy without a
// schedule is unknown, and of what is unknown nothing may be.
//
// A person has holds and permits. Hold wins over keep wins over erase, and the
// longest rule wins over shorter ones. A destruction needs a permit, which
// lasts less than a minute. A hold stops new permits at once and is effective
// when the open ones have ended or expired; from then on, until it is
// released, nothing of the person can be destroyed.
//
// Somebody whom identity knows by several references is several persons here. A
// hold lies with each of them, a permit needs the leave of each, and identity is
// asked for the references before and after: see decision 0023.
//
// Streams owned: HABEAS_RETENTION. It follows consent's, and takes the schedule
// of each posted policy from its document. It holds no personal data and asks
// for no keys but those of command digests. It never erases anything itself,
// and never decides whether a person's request is justified.
package retention
