package telemetry

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxFile is the size at which a span file is set aside as "<name>.1",
// replacing the one before it.
const maxFile = 64 << 20

// spanFile writes batches of spans to a file, one OTLP/JSON line each. Several
// daemons may share a path: each line is a single appending write.
type spanFile struct {
	path string

	mu   sync.Mutex
	file *os.File
}

// Start opens the file.
func (f *spanFile) Start(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

// Stop closes the file.
func (f *spanFile) Stop(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("close span file: %w", err)
	}
	return nil
}

// UploadTraces appends one line.
func (f *spanFile) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	line, err := otlpJSON(spans)
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.rotate(); err != nil {
		return err
	}
	if _, err := f.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write span file: %w", err)
	}
	return nil
}

func (f *spanFile) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open span file: %w", err)
	}
	f.file = file
	return nil
}

// rotate sets a full file aside, unless another writer of the same path has
// done so already, and opens the path anew.
func (f *spanFile) rotate() error {
	mine, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("measure span file: %w", err)
	}
	if mine.Size() < maxFile {
		return nil
	}
	named, err := os.Stat(f.path)
	if err == nil && os.SameFile(mine, named) {
		err = os.Rename(f.path, f.path+".1")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set span file aside: %w", err)
	}
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("close span file: %w", err)
	}
	return f.open()
}

// otlpJSON is protobuf's JSON with OTLP's two exceptions: ids are hexadecimal
// and enums are numbers.
func otlpJSON(spans []*tracepb.ResourceSpans) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	hexIDs(tree)
	return json.Marshal(tree)
}

func hexIDs(node any) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			hexIDs(child)
		}
	case map[string]any:
		for key, child := range n {
			if text, ok := child.(string); ok && isID(key) {
				n[key] = toHex(text)
			}
			hexIDs(child)
		}
	}
}

func isID(key string) bool {
	return key == "traceId" || key == "spanId" || key == "parentSpanId"
}

func toHex(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return text
	}
	return hex.EncodeToString(raw)
}
