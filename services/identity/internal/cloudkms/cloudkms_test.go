package cloudkms_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"habeas.internal/services/identity/internal/cloudkms"
	"habeas.internal/services/internal/seal/kms"
)

// deps lists what a program links.
func deps(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "habeas.internal/services/"+program).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}

// cloud reports whether a package belongs to a cloud's libraries or to Tink.
func cloud(pkg string) bool {
	for _, prefix := range []string{
		"github.com/aws/", "cloud.google.com/go/", "google.golang.org/api/option", "google.golang.org/api/transport", "google.golang.org/api/cloudkms",
		"github.com/tink-crypto/", "habeas.internal/services/identity/internal/cloudkms",
	} {
		if strings.HasPrefix(pkg, prefix) {
			return true
		}
	}
	return false
}

func TestOnlyTheProductionBuildOfIdentityLinksTheClouds(t *testing.T) {
	for _, program := range []string{"habeas", "consent/cmd/consentd", "retention/cmd/retentiond", "fulfilment/cmd/fulfilmentd"} {
		for _, pkg := range deps(t, program) {
			if cloud(pkg) {
				t.Errorf("%s links %s", program, pkg)
			}
		}
	}
	linked := 0
	for _, pkg := range deps(t, "identity/cmd/identityd") {
		if strings.HasSuffix(pkg, "/awskms") || strings.HasSuffix(pkg, "/gcpkms") {
			linked++
		}
	}
	if linked != 2 {
		t.Errorf("identityd links %d of two adapters", linked)
	}
}

func TestAnAddressThatIsNoKeyIsRefusedBeforeTheCloudIsAsked(t *testing.T) {
	for _, address := range []string{
		"aws-kms://alias/habeas", "aws-kms://arn:aws:s3:eu-central-1:1:key/a", "gcp-kms://projects/p", "gcp-kms://projects/p/locations/l/keyRings/r/keys/k",
	} {
		scheme, _, _ := strings.Cut(address, "://")
		if _, err := cloudkms.Openers()[scheme](t.Context(), address); !errors.Is(err, kms.ErrAddress) {
			t.Errorf("%s: %v, want ErrAddress", address, err)
		}
	}
}

// The adapter is made without a call: credentials and key are used later.
func TestAnAWSKeyIsNamedByItsARN(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	aead, err := cloudkms.Openers()["aws-kms"](t.Context(), "aws-kms://arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555")
	if err != nil || aead == nil {
		t.Errorf("open: %v", err)
	}
}
