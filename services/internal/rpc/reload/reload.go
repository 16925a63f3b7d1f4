// Package reload keeps a value fresh that is read from files: certificates and
// key sets, which are replaced while a daemon runs.
//
// No goroutine watches. Whoever asks for the value also looks, at most once per
// interval, whether a file has changed, and reads anew if so. A change that
// cannot be read is reported and leaves the former value in force: half a file
// must not take a daemon down, and the next look tries again.
package reload

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to read and how often to look.
type Config[T any] struct {
	// Files are looked at for changes.
	Files []string
	// Every is the least time between two looks.
	Every time.Duration
	// Now is the clock.
	Now func() time.Time
	// Read makes the value from the files.
	Read func() (T, error)
	// Report is told of changes that could not be read. It must not block.
	Report func(error)
}

// Value is the thing read. It is safe for concurrent use.
type Value[T any] struct {
	cfg     Config[T]
	current atomic.Pointer[T]
	next    atomic.Int64 // Unix nanoseconds of the next look

	mu   sync.Mutex
	seen []fs.FileInfo
}

// New reads the value for the first time; that must succeed.
func New[T any](cfg Config[T]) (*Value[T], error) {
	v := &Value[T]{cfg: cfg}
	seen, err := v.look()
	if err != nil {
		return nil, err
	}
	if err := v.read(seen); err != nil {
		return nil, err
	}
	v.next.Store(cfg.Now().Add(cfg.Every).UnixNano())
	return v, nil
}

// Get returns the value as of at most one interval ago. Between two looks it
// costs two atomic loads and a reading of the clock.
func (v *Value[T]) Get() T {
	if now := v.cfg.Now().UnixNano(); now >= v.next.Load() && v.mu.TryLock() {
		v.refresh()
		v.next.Store(now + int64(v.cfg.Every))
		v.mu.Unlock()
	}
	return *v.current.Load()
}

func (v *Value[T]) refresh() {
	seen, err := v.look()
	if err == nil && !same(seen, v.seen) {
		err = v.read(seen)
	}
	if err != nil {
		v.cfg.Report(err)
	}
}

func (v *Value[T]) look() ([]fs.FileInfo, error) {
	seen := make([]fs.FileInfo, len(v.cfg.Files))
	for i, name := range v.cfg.Files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("look at file: %w", err)
		}
		seen[i] = info
	}
	return seen, nil
}

// read looks before it reads, so that a change in between is seen next time.
func (v *Value[T]) read(seen []fs.FileInfo) error {
	value, err := v.cfg.Read()
	if err != nil {
		return err
	}
	v.current.Store(&value)
	v.seen = seen
	return nil
}

func same(a, b []fs.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}
