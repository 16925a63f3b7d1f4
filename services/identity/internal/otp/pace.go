package otp

import (
	"context"
	"time"

	"habeas.internal/services/internal/rpc/limit"
)

// Limiter counts, for all replicas together. An ExceededError says that there
// were too many; any other error, that nobody knows.
type Limiter interface {
	Allow(ctx context.Context, tenant string, keys ...limit.Key) error
}

const (
	// mostCodes is how many codes one person is sent in an hour.
	mostCodes = 10
	// mostOfTenant is how many all people of a tenant are sent in an hour.
	mostOfTenant = 20_000
)

// Sendings are what the sending of one code is counted by, so that nobody can be
// buried in mail by somebody who starts verifications in their name.
func Sendings(subject string) []limit.Key {
	return []limit.Key{
		{Kind: "codes", ID: subject, Rate: limit.Per(mostCodes, time.Hour)},
		{Kind: "codes-of-tenant", Rate: limit.Per(mostOfTenant, time.Hour)},
	}
}
