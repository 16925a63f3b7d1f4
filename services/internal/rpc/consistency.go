package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// ConsistencyToken returns the opaque token that the caller sent along, or "":
// a read must wait until it has seen what the token speaks of.
func ConsistencyToken(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, MetadataConsistency)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// SetConsistencyToken puts the token of what a command has written into the
// header of the answer. It must be called before the handler answers.
func SetConsistencyToken(ctx context.Context, token string) error {
	if err := grpc.SetHeader(ctx, metadata.Pairs(MetadataConsistency, token)); err != nil {
		return fmt.Errorf("set consistency token: %w", err)
	}
	return nil
}
