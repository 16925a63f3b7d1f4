package rpc

import (
	"encoding/base64"
	"strconv"

	"habeas.internal/services/internal/rpc/fault"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// pageOffset reads a page token; the empty one is the start.
func pageOffset(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		var n uint64
		if n, err = strconv.ParseUint(string(b), 10, 31); err == nil {
			return int(n), nil
		}
	}
	return 0, fault.FieldErrors{{Field: "page_token", Rule: "MALFORMED", Text: "is no token of this list"}}
}

// page cuts one page out of a list that only grows at its end.
func page[T any](all []T, offset int, size int32) (rows []T, next string) {
	n := int(size)
	if n == 0 {
		n = defaultPage
	}
	n = min(n, maxPage)
	if offset >= len(all) {
		return nil, ""
	}
	end := min(offset+n, len(all))
	if end < len(all) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return all[offset:end], next
}
