// Package wholefile reads files that somebody names on a command line or in a
// configuration: what is larger than it may be is refused, so that the wrong name
// (a device, a backup) neither fills the memory nor goes anywhere.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Usual is far more than a key, a certificate, a token, a policy or a
// configuration has.
const Usual = 1 << 20

// ErrTooLarge says that a file holds more than it may.
var ErrTooLarge = errors.New("file is larger than it may be")

// Read returns what a file holds, of most bytes at most. What is no regular file,
// a pipe for example, is read to its end, and no further than that.
func Read(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s: %w: %d bytes", path, ErrTooLarge, most)
	}
	return text, nil
}
