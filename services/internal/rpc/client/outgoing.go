package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"habeas.internal/services/internal/rpc"
)

const authorization = "authorization"

// WithTenant says for which tenant this service calls when it calls for
// itself. With OnBehalf it is not needed: the person's token names the tenant.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpc.MetadataTenant, tenant)
}

// WithPurpose states why personal data is read.
func WithPurpose(ctx context.Context, purpose string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpc.MetadataPurpose, purpose)
}

// WithConsistencyToken makes a read wait for what the token speaks of.
func WithConsistencyToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpc.MetadataConsistency, token)
}

// ConsistencyToken returns the token in the header of an answer, or "".
func ConsistencyToken(header metadata.MD) string {
	if values := header.Get(rpc.MetadataConsistency); len(values) > 0 {
		return values[0]
	}
	return ""
}

// OnBehalf passes on the token of the call that is being answered, so that the
// next service decides by the person's rights and by ours. A call that came
// without a token, from another service, passes on its tenant instead.
func OnBehalf(ctx context.Context) context.Context {
	tokens := metadata.ValueFromIncomingContext(ctx, authorization)
	if len(tokens) == 1 {
		return metadata.AppendToOutgoingContext(ctx, authorization, tokens[0])
	}
	if tenant := rpc.PrincipalFrom(ctx).Tenant; tenant != "" {
		return WithTenant(ctx, tenant)
	}
	return ctx
}

// bearer sends a token with each call that does not carry one.
type bearer func(ctx context.Context) (string, error)

var _ credentials.PerRPCCredentials = bearer(nil)

// GetRequestMetadata returns the token as metadata.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if carried, _ := metadata.FromOutgoingContext(ctx); len(carried.Get(authorization)) > 0 {
		return nil, nil
	}
	token, err := b(ctx)
	if err != nil {
		return nil, fmt.Errorf("get token: %w", err)
	}
	return map[string]string{authorization: "Bearer " + token}, nil
}

// RequireTransportSecurity keeps tokens inside TLS.
func (bearer) RequireTransportSecurity() bool { return true }
