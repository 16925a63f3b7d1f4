// Package rpc builds the gRPC servers of all services, so that each method is
// guarded in the same way and nothing can be registered without a guard.
//
// A call passes these steps, in this order, before its handler sees it:
//
//  1. trace: the caller's W3C trace context is taken up;
//  2. recovery: a panic further in becomes an opaque Internal;
//  3. deadline: a unary call must bring one; the method's limit caps it;
//  4. authentication: certificate, token, or both, and the tenant from them;
//  5. access: the method's rule: role, purpose, step-up; then the limits of rate;
//  6. size: the method's limit, on the bytes received, before they are decoded;
//  7. validation: the rules in the contract.
//
// On the way out every error becomes a status through the error table, with a
// google.rpc.ErrorInfo of domain "habeas"; an error without a row is Internal
// with a constant text, and is logged in full once. Durations and refusals are
// counted per method.
//
// The steps are not interceptors. gRPC decodes a request before it calls the
// first interceptor; here the registered handlers themselves are wrapped, so
// that a caller who may not ask makes nobody decode. Interceptors that a
// service adds run after the last step, closest to the handler.
//
// Rules and limits come from the contract (habeas.options.v1). A method without
// them stops the process at its start; health checks are the one exception.
package rpc
