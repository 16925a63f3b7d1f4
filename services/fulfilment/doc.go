// Package fulfilment is the service that carries one request of a person from
// arrival to proof.
package fulfilment
