package env

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Usage writes the documented table of the variables that dst reads: name,
// type, default and meaning. It shows defaults, never present values.
func Usage(w io.Writer, dst any) error {
	all, err := fields(Prefix, dst)
	if err != nil {
		return fmt.Errorf("describe configuration: %w", err)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// Write errors stay in the tabwriter until Flush.
	_, _ = fmt.Fprintln(table, "VARIABLE\tTYPE\tDEFAULT\tMEANING")
	for _, f := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.name, f.kind.name, f.defaultText(), f.meaning())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write usage: %w", err)
	}
	return nil
}

// Names lists the variables that dst reads, in the order of declaration.
func Names(dst any) ([]string, error) {
	all, err := fields(Prefix, dst)
	if err != nil {
		return nil, fmt.Errorf("describe configuration: %w", err)
	}
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.name
	}
	return names, nil
}

func (f field) defaultText() string {
	switch {
	case f.required:
		return "(required)"
	case f.fallback == "":
		return "(none)"
	default:
		return f.fallback
	}
}

func (f field) meaning() string {
	if len(f.oneof) == 0 {
		return f.help
	}
	return f.help + " (" + strings.Join(f.oneof, ", ") + ")"
}
