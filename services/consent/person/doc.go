// Package person is what one person has decided, and what other services know
// that changes every answer about that person.
//
// Of each purpose one decision is effective: the one that the person made last,
// by the time of the act; of two at the same time the one that gives less. What
// was merely implied replaces nothing that was said. Two grants never add up.
// The time of the act and the time of recording are both kept, and neither is
// ever made up.
//
// Facts: restricted by causes, each of which has to end; closed; erased, which
// is for good. A closed or erased person grants nothing more, and can always
// refuse and withdraw. What a rule forbids a known person is recorded.
package person
