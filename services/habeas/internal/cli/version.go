package cli

import (
	"runtime"
	"runtime/debug"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/spf13/cobra"
)

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print what this program was built from", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := build()
			return a.print(v, []string{
				cells("version", v.Version), cells("revision", v.Revision), cells("go", v.Go),
				cells("commit schema", v.Schema), cells("archive", v.Archive),
			})
		},
	}
}

type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Schema   string `json:"commit_schema"`
	Archive  string `json:"archive_format"`
}

func build() buildInfo {
	v := buildInfo{
		Version: "unknown", Revision: "unknown", Go: runtime.Version(), Schema: es.SchemaVersion,
		Archive: archive.Magic[:len(archive.Magic)-1],
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	v.Revision += changed
	return v
}
