// Package fault turns errors into what a caller may read: a status with a
// constant text, a machine-readable reason in google.rpc.ErrorInfo (domain
// "habeas"), field violations in google.rpc.BadRequest, and google.rpc.RetryInfo
// where coming back helps.
//
// Domain packages know nothing of this: their errors are plain values. Each
// service has one Table that says what becomes of them. An error without a row
// becomes Internal with a text that says nothing.
package fault
