package rpctest

import (
	"context"

	"habeas.internal/services/internal/rpc"
)

// Everybody is a staff whose members may all see everything.
type Everybody struct{}

// Check allows it.
func (Everybody) Check(context.Context, rpc.Look) (rpc.Permission, error) {
	return rpc.Permission{}, nil
}

// Agreed finds that all have.
func (Everybody) Agreed(context.Context, rpc.Look, rpc.Shown) (string, error) { return "", nil }
