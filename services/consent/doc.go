// Package consent is the service that knows what a person has agreed to, and what
// a published policy allows.
//
// Its parts: policydoc (in services/internal) reads policies that are written
// down as data; policy is a policy through its versions; person is what somebody
// decided and what other services know of them; recipient is what is agreed with
// somebody who may be given data; check answers a question from all three, and is
// a function of its arguments; disclosure is a person's register of what was given. internal/wire is the stored form of
// events, internal/compile turns a document into what check is asked,
// internal/view lists policies, internal/record is a person packed for the read
// model, internal/mirror a replica's memory and how fresh it is, internal/rpc holds
// the handlers and the one error table, consentd wires it.
//
// States of a policy's version: published, posted; it is in force from its
// posting, and not before its effective day. States of a decision: given,
// refused, withdrawn; an offer is not a decision. Rules: versions never change; of
// each purpose one decision is effective; what is implied never stands for what
// must be explicit; a closed or erased person grants nothing; unknown is no.
//
// It owns the context "consent": the streams HABEAS_CONSENT_<kk>. No event holds
// personal data: people are random references, and evidence is a hash or a
// reference. It never decides who somebody is, how long data is kept, or what
// becomes of a request; those tell it what changes its answers.
package consent
