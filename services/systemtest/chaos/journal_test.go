package chaos_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// What a line of the journal says of a command.
const (
	sent    = "sent"    // it is about to be sent for the first time
	doubted = "doubted" // the answer left open what became of it
	done    = "done"    // it was acknowledged, at a sequence
)

// entry is one line of a journal: what a writer knew at a moment.
type entry struct {
	what    string
	worker  int
	counter string // the aggregate's id
	command string
	seq     uint64 // where it was acknowledged
	again   bool   // as the result of an earlier call
}

// journal is where writers note what they were told, each line with one write
// before they go on: it survives the writer's death by SIGKILL, as the pages of
// a file do.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return &journal{file: f}, nil
}

func (j *journal) note(e entry) error {
	line := fmt.Sprintf("%s %d %s %s %d %t\n", e.what, e.worker, e.counter, e.command, e.seq, e.again)
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := j.file.WriteString(line)
	return err
}

func (j *journal) close() error { return j.file.Close() }

// reader reads a journal while it is written.
type reader struct {
	path    string
	read    int64
	entries []entry
	// acknowledged counts the commands that are done.
	acknowledged int
}

// refresh reads what was added. A last line without an end belongs to a writer
// that was killed, or writes right now; it is left for the next time.
func (r *reader) refresh() error {
	f, err := os.Open(r.path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if _, err := f.Seek(r.read, io.SeekStart); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	r.read += int64(len(whole))
	for lines := bufio.NewScanner(bytes.NewReader(whole)); lines.Scan(); {
		e, err := parseEntry(lines.Text())
		if err != nil {
			return err
		}
		r.entries = append(r.entries, e)
		if e.what == done {
			r.acknowledged++
		}
	}
	return nil
}

func parseEntry(line string) (entry, error) {
	var e entry
	_, err := fmt.Fscanf(strings.NewReader(line), "%s %d %s %s %d %t", &e.what, &e.worker, &e.counter, &e.command, &e.seq, &e.again)
	if err != nil {
		return e, fmt.Errorf("parse journal line %q: %w", line, err)
	}
	return e, nil
}

// open lists what was sent and not acknowledged, the first sent first.
func (r *reader) open() []entry {
	settled := map[string]bool{}
	for _, e := range r.entries {
		if e.what == done {
			settled[e.counter+e.command] = true
		}
	}
	var out []entry
	for _, e := range r.entries {
		if e.what == sent && !settled[e.counter+e.command] {
			out = append(out, e)
		}
	}
	return out
}
