// Package fulfilment is the service that carries one request of a person from
// arrival to its end: an access or an erasure, over every system that holds
// their data. Its domains are the folders beside this file: request, docket,
// notice, system, catalogue, law.
//
// States of a request: received, waiting, planning, running, concluding, closed;
// finished when nothing is left to be done. What is due follows from the state
// alone (request.Next); internal/carry does it, records first and acts then.
//
// Rules. Nothing is looked up or touched for anybody who was not verified. The
// scope is fixed before anything is touched, and every part of it ends with an
// outcome; the request's outcome is computed from those. Nothing is destroyed
// without retention's permit, nor counted as erased before it was looked for
// again. A system that fails is tried again and blocks no other. Rights of one
// person wait for one another in one docket. What identifies the requester lies
// under the request's own key, which ends after the last notice.
//
// It owns the context fulfilment, and follows retention's events for holds that
// are released. It decides from the log; the list of requests is a read model in
// Redis that can be wiped at any time.
//
// What it never does: decide what may be kept, hold keys, know who somebody is,
// remove or rewrite an event, put personal data into one unsealed.
package fulfilment
