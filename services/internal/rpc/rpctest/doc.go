// Package rpctest helps tests of services that are built with package rpc: a
// token issuer of their own, certificates, and the check that every exported
// error has a row in the error table. Production code never imports it.
package rpctest
