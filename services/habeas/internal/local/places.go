package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// places are the parts of a data folder.
type places struct{ dir string }

func (p places) at(name string) string { return filepath.Join(p.dir, name) }

func (p places) ca() string          { return p.at("ca") }
func (p places) nats() string        { return p.at("nats") }
func (p places) users() string       { return p.at("users") }
func (p places) keys() string        { return p.at("keys") }
func (p places) keks() string        { return p.at("keks") }
func (p places) tokens() string      { return p.at("tokens") }
func (p places) packages() string    { return p.at("packages") }
func (p places) spans() string       { return p.at("spans.jsonl") }
func (p places) log() string         { return p.at("habeas.log") }
func (p places) endpoints() string   { return p.at("endpoints.json") }
func (p places) client() string      { return p.at(ClientFile) }
func (p places) connections() string { return p.at("connections.yaml") }

// make makes the folders; all are the owner's alone.
func (p places) make() error {
	for _, dir := range []string{p.ca(), p.nats(), p.users(), p.keys(), p.keks(), p.tokens(), p.packages()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
	}
	return nil
}

// ErrInUse says that another process runs on the data folder.
var ErrInUse = errors.New("another process runs on this data folder")

// claim makes the folder and holds it until the file is closed, or the process
// ends in whatever way.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("claim %s: %w", dir, ErrInUse), file.Close())
	}
	return file, nil
}

// logFile takes the log lines of all services. One of an earlier run that has
// grown large is set aside.
type logFile struct {
	mu   sync.Mutex
	file *os.File
	also io.Writer
}

const maxLog = 64 << 20

func openLog(path string, also io.Writer) (*logFile, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set log aside: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &logFile{file: file, also: also}, nil
}

// Write appends whole lines.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.also != nil {
		_, _ = l.also.Write(p) // the file is the log; the screen is a convenience
	}
	return l.file.Write(p)
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// writeSecret replaces a file that only its owner may read, in one step.
func writeSecret(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
	}
	return nil
}
