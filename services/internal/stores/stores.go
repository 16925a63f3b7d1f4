// Package stores names the places in which an installation keeps data, and the
// regions in which an operator says that they are.
package stores

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The stores.
const (
	Log        = "log"         // the event log
	Vault      = "vault"       // wrapped keys and lookup rows
	KMS        = "kms"         // key-encryption keys
	ReadModels = "read-models" // Redis
	Packages   = "packages"    // the blob store of access packages
	Backup     = "backup"      // wherever copies of any of these are put
)

// Names are all stores, in order.
func Names() []string { return []string{Backup, KMS, Log, Packages, ReadModels, Vault} }

// ErrMalformed says that a declaration is none.
var ErrMalformed = errors.New("regions of stores are given as store=region, such as log=us; a region is an ISO 3166 code in small letters")

var region = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{1,3})?$`)

// Regions are where stores are: one that is in several regions has several.
type Regions map[string][]string

// Parse reads "log=us". A store may stand more than once.
func Parse(words []string) (Regions, error) {
	out := Regions{}
	for _, word := range words {
		name, in, _ := strings.Cut(word, "=")
		if !slices.Contains(Names(), name) || !region.MatchString(in) {
			return nil, fmt.Errorf("%w: %q", ErrMalformed, word)
		}
		out[name] = append(out[name], in)
	}
	return out, nil
}

// All says that every store is in one region.
func All(in string) Regions {
	out := Regions{}
	for _, name := range Names() {
		out[name] = []string{in}
	}
	return out
}

// Words is what Parse reads.
func (r Regions) Words() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		for _, in := range r[name] {
			out = append(out, name+"="+in)
		}
	}
	return out
}

// Outside is the first store that is not where it may be, and where it is; empty
// if all are. A store of which nobody has said where it is may be anywhere. No
// list of regions is no promise.
func (r Regions) Outside(allowed []string) (store, in string) {
	if len(allowed) == 0 {
		return "", ""
	}
	for _, name := range Names() {
		if len(r[name]) == 0 {
			return name, ""
		}
		for _, one := range r[name] {
			if !slices.Contains(allowed, one) {
				return name, one
			}
		}
	}
	return "", ""
}
