// Command protodeps prints the third-party protos that this repository imports.
//
// Every generated Go package carries its own descriptor. Linking the packages
// that our generated code links is therefore enough to write their .proto files
// down again: no registry is asked, nothing is vendored, and the text is of the
// version that go.mod pins.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Linked for their descriptors alone. A proto that imports another family
	// of files needs its Go package here.
	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
)

func main() {
	dir := flag.String("out", ".protodeps", "folder that the files are written to")
	flag.Parse()
	if err := write(*dir, protoregistry.GlobalFiles); err != nil {
		fmt.Fprintln(os.Stderr, "protodeps:", err)
		os.Exit(1)
	}
}

// write prints every linked file under dir, apart from those that each protobuf
// compiler brings along.
func write(dir string, files *protoregistry.Files) error {
	for _, file := range linked(files) {
		if err := printFile(dir, file); err != nil {
			return fmt.Errorf("print %s: %w", file.Path(), err)
		}
	}
	return nil
}

func linked(files *protoregistry.Files) []protoreflect.FileDescriptor {
	var found []protoreflect.FileDescriptor
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "google/protobuf/") {
			found = append(found, file)
		}
		return true
	})
	return found
}

func printFile(dir string, file protoreflect.FileDescriptor) error {
	var printer protoprint.Printer
	text, err := printer.PrintProtoToString(file)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(file.Path()))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
