package access_test

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
)

// largestPage is the most that one answer of a list may be asked to hold.
const largestPage = 1000

// TestPagesAreBounded walks the contract: who asks for a page says how large it
// may be, and never larger than a bound; the services refuse what breaks it.
func TestPagesAreBounded(t *testing.T) {
	found := 0
	for _, service := range services() {
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			size := m.Input().Fields().ByName("page_size")
			if size == nil {
				continue
			}
			found++
			rules, _ := proto.GetExtension(size.Options(), validate.E_Field).(*validate.FieldRules)
			most := int64(rules.GetInt32().GetLte()) + int64(rules.GetUint32().GetLte())
			if most < 1 || most > largestPage {
				t.Errorf("%s: pages of up to %d, want a bound of %d or less", m.FullName(), most, largestPage)
			}
		}
	}
	if found == 0 {
		t.Error("no method with pages was found")
	}
}
