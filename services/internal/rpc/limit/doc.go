// Package limit says how much of something one caller, person, network or
// tenant may have, and keeps count in Redis for all replicas of a service.
//
// The rule is GCRA, the generic cell rate algorithm: a key has one moment, the
// theoretical arrival time of its next call, which each call moves on by an
// interval; a call is refused while that moment lies further ahead than the
// burst allows. One Lua script asks for all keys of a call, by Redis's own clock,
// and charges either all of them or none.
//
// What identifies anybody never reaches Redis: a key's name is an HMAC under a
// pepper of the day, which is derived from the service's own secret and is not
// kept anywhere. Names of yesterday say nothing today, so that no rate may reach
// further than a day. Rows end by themselves as soon as they would say nothing.
//
// When Redis does not answer, Allow refuses: nobody knows how much a caller had.
// AllowOpen is for what must never be withheld, a withdrawal of consent or an
// unsubscription: it counts in this process until Redis is back.
package limit
