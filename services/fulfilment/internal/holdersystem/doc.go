// Package holdersystem reaches data that lies behind a service of a product team's:
// one that implements habeas.holder.v1.DataHolderService.
//
// What the service says is not taken on trust. An answer has each part of the
// dataset once and no other, or it counts as a system that is not as described;
// nothing counts as done that was not announced before; after an erasure the
// rows are read as well as counted. Where the two differ, the worse counts.
//
// No error holds a text of the service's.
package holdersystem
