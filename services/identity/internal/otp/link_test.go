package otp_test

import (
	"errors"
	"testing"

	"habeas.internal/services/identity/internal/otp"
)

func TestAPageOfLinksKeepsTheSecretFromServers(t *testing.T) {
	for _, tc := range []struct {
		name, address string
		err           error
	}{
		{"an https page is one", "https://privacy.example/confirm", nil},
		{"none is none", "", nil},
		{"nobody is sent a secret in clear", "http://privacy.example/confirm", otp.ErrPage},
		{"nor behind another fragment", "https://privacy.example/#confirm", otp.ErrPage},
		{"nor with somebody's password", "https://a:b@privacy.example/", otp.ErrPage},
		{"nor nowhere", "https:///confirm", otp.ErrPage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page, err := otp.NewPage(tc.address)
			if !errors.Is(err, tc.err) || (err == nil && string(page) != tc.address) {
				t.Errorf("got %q, %v", page, err)
			}
		})
	}
}
