// Package leaving lets tenants go while something stands in the way, with all four
// services running.
package leaving
