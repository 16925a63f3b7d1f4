package rpc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"google.golang.org/grpc/peer"
)

// holdsCertificate reports whether the connection was opened with the
// certificate that a token is bound to, if it is bound to any.
func holdsCertificate(ctx context.Context, digest string) bool {
	if digest == "" {
		return true
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := p.AuthInfo.(peerInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return false
	}
	own := sha256.Sum256(info.State.PeerCertificates[0].Raw)
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(own[:])), []byte(digest)) == 1
}
