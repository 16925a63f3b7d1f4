package cli

import (
	"cmp"
	"slices"

	"github.com/spf13/pflag"
)

// page says how much a list shows.
type page struct {
	size  int32
	limit int
}

func (p *page) flags(f *pflag.FlagSet) {
	f.Int32Var(&p.size, "page-size", 0, "entries asked for at a time; the service's default if zero")
	f.IntVar(&p.limit, "pages", 0, "most pages to read; all if zero")
}

// all reads page after page; read returns where the next one begins.
func (p *page) all(read func(token string) (next string, err error)) error {
	token := ""
	for n := 1; ; n++ {
		next, err := read(token)
		if err != nil {
			return err
		}
		if token = next; token == "" || n == p.limit {
			return nil
		}
	}
}

// sortByValue brings short names of an enum into the order of their numbers.
func sortByValue(names []string, prefix string, values map[string]int32) {
	number := map[string]int32{}
	for name, n := range values {
		number[short(name, prefix)] = n
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number[a], number[b]) })
}
