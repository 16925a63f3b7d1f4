// Package retention is the service that knows what must be kept, until when, and
// why.
package retention
