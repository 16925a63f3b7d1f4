package testserver

import "habeas.internal/services/internal/natsd"

// Names of the users that every NATS server of this package has.
const (
	// Admin may do everything in the account, as provisioning does.
	Admin = "admin"
	// System is the operator's user of the system account.
	System = "system"
)

// Option changes how a NATS server is set up.
type Option func(*plan)

type plan struct {
	users []userPlan
	tls   bool
	key   natsd.Key
}

type userPlan struct {
	name               string
	publish, subscribe []string
}

// WithUser adds a user who may do what is listed and nothing else.
func WithUser(name string, publish, subscribe []string) Option {
	return func(p *plan) { p.users = append(p.users, userPlan{name, publish, subscribe}) }
}

// WithTLS makes the server, and the routes of a cluster, speak mutual TLS.
func WithTLS() Option { return func(p *plan) { p.tls = true } }

// WithKey encrypts the server's files.
func WithKey(key natsd.Key) Option { return func(p *plan) { p.key = key } }

func planned(options []Option) plan {
	var p plan
	for _, option := range options {
		option(&p)
	}
	return p
}
