// Package cloudkms uses root keys in the key stores of two clouds, through
// Tink's adapters. It brings the clouds' libraries with it, so only the
// production build of identity links it: a test holds everything else to that.
//
// Credentials are the clouds' own: environment, workload identity, metadata
// service. What a key is asked with besides the wrapped key is the tenant, the
// partition and the epoch, which a cloud's audit log may show.
package cloudkms

import (
	"context"
	"fmt"
	"strings"

	"habeas.internal/services/internal/seal/kms"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
)

const (
	awsScheme = "aws-kms"
	gcpScheme = "gcp-kms"
)

// Openers are those of both clouds, by the scheme of the address.
func Openers() map[string]kms.Opener {
	return map[string]kms.Opener{awsScheme: openAWS, gcpScheme: openGCP}
}

// openAWS takes aws-kms://arn:aws:kms:<region>:<account>:key/<id>.
func openAWS(ctx context.Context, address string) (kms.AEAD, error) {
	arn := strings.TrimPrefix(address, awsScheme+"://")
	if parts := strings.Split(arn, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" {
		return nil, fmt.Errorf("%w: aws-kms:// must be followed by the ARN of a key", kms.ErrAddress)
	}
	aead, err := awskms.NewAEADWithContext(ctx, arn)
	if err != nil {
		return nil, fmt.Errorf("use AWS KMS: %w", err)
	}
	return aead, nil
}

// openGCP takes gcp-kms://projects/…/locations/…/keyRings/…/cryptoKeys/….
func openGCP(ctx context.Context, address string) (kms.AEAD, error) {
	parts := strings.Split(strings.TrimPrefix(address, gcpScheme+"://"), "/")
	if len(parts) != 8 || parts[0] != "projects" || parts[6] != "cryptoKeys" {
		return nil, fmt.Errorf("%w: gcp-kms:// must be followed by the name of a crypto key", kms.ErrAddress)
	}
	aead, err := gcpkms.GetAEADWithContext(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("use Google Cloud KMS: %w", err)
	}
	return aead, nil
}
