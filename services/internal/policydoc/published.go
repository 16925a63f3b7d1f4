package policydoc

import (
	"embed"
	"io/fs"
)

//go:embed published/*.yaml
var published embed.FS

// Published holds the policies that come with Habeas: caseworks.yaml,
// personnel-technology.yaml and qcera.yaml.
func Published() fs.FS {
	sub, err := fs.Sub(published, "published")
	if err != nil { // cannot happen: the name is constant and valid
		return published
	}
	return sub
}
