package logs

import (
	"fmt"
	"runtime"
)

// PanicText says what a panic was without its value, which may hold anything:
// the runtime's own errors in their words, of others only the type.
func PanicText(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("value of type %T", value)
}
