// Package consent is the service that knows what a person has agreed to, and what
// a published policy allows.
package consent
