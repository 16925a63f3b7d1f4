package localca

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// ErrPeer says that the other side is not who it should be.
var ErrPeer = errors.New("the peer has another identity")

// ServerTLS asks every client for a certificate of the same authority, over
// TLS 1.3. Who the client is, [PeerID] tells; whether it may, the caller
// decides.
func (i *Identity) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{i.Certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    i.roots,
	}
}

// ClientTLS presents this identity and, besides the address, verifies that the
// server is one of the given SPIFFE ids. Without any it trusts no server.
func (i *Identity) ClientTLS(servers ...string) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{i.Certificate},
		RootCAs:      i.roots,
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := PeerID(state)
			if err != nil {
				return err
			}
			if !slices.Contains(servers, id) {
				return fmt.Errorf("verify server: %w", ErrPeer)
			}
			return nil
		},
	}
}

// PeerID is the SPIFFE id of the other side of a verified connection: its
// certificate must hold exactly one.
func PeerID(state tls.ConnectionState) (string, error) {
	if len(state.VerifiedChains) == 0 {
		return "", fmt.Errorf("read peer's id: no verified certificate: %w", ErrPeer)
	}
	uris := state.VerifiedChains[0][0].URIs
	if len(uris) != 1 || uris[0].Scheme != "spiffe" {
		return "", fmt.Errorf("read peer's id: not exactly one SPIFFE id: %w", ErrPeer)
	}
	return uris[0].String(), nil
}
