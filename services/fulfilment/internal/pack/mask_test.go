package pack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/fulfilment/internal/connector"
)

// row has a value of every kind that can hold a card number, or one that differs
// in a digit.
func row(last string) connector.Row {
	return connector.Row{Collection: "customer", Columns: []connector.Column{
		{Name: "id", Value: int64(7)},
		{Name: "text", Category: "user.contact", Value: "call me, my card is 4539 5787 6362 148" + last},
		{Name: "int", Category: "user.financial", Value: int64(4539578763621480) + int64(last[0]-'0')},
		{Name: "float", Category: "user.financial", Value: 4539578763621480.0 + float64(last[0]-'0')},
		{Name: "decimal", Category: "user.financial", Value: "453957876362148" + last + ".00"},
		{Name: "bytes", Category: "user.contact", Value: []byte("\x00card=453957876362148" + last)},
		{Name: "a", Category: "user.financial", Value: int64(4539)},
		{Name: "b", Category: "user.financial", Value: "5787"},
		{Name: "c", Category: "user.financial", Value: "6362"},
		{Name: "d", Category: "user.financial", Value: "148" + last},
		{Name: "digits", Category: "user.financial", Value: "148" + last},
		{Name: "token", Category: "user.financial", Value: "tok_1NvQ2b2eZvKYlo2C"},
	}}
}

func TestCardNumbersInRowsAreMaskedInEveryFormOfThePackage(t *testing.T) {
	files, counts := archived(t, row("6"))
	var rows []map[string]any
	if err := json.Unmarshal([]byte(files["1-shop/1-customer.json"]), &rows); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"id": 7.0, "text": "call me, my card is **** **** **** 1486", "int": "************1486", "float": "************1486",
		"decimal": "************1486.00", "bytes": "AGNhcmQ9KioqKioqKioqKioqMTQ4Ng==", "a": "****", "b": "****", "c": "****", "d": "1486",
		"digits": "1486", "token": "tok_1NvQ2b2eZvKYlo2C",
	}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]uint64{"user.contact": 2, "user.financial": 4}, counts[0].Cards); diff != "" || counts[0].Rows != 1 {
		t.Errorf("%d rows, cards %s", counts[0].Rows, diff)
	}
	for name, content := range files {
		if strings.Contains(content, "45395787") || strings.Contains(content, "4539 5787") || strings.Contains(content, "5787") {
			t.Errorf("%s shows the number", name)
		}
		if strings.HasSuffix(name, ".csv") && !strings.Contains(content, "**** **** **** 1486") {
			t.Errorf("%s does not show the last digits: %s", name, content)
		}
	}
	if page := files["index.html"]; !strings.Contains(page, "6 values that may be numbers of payment cards") || !strings.Contains(page, "**** **** **** 1486") {
		t.Error("the page does not say what is masked")
	}
}

func TestWhatIsNoCardNumberIsShownAsItIs(t *testing.T) {
	files, counts := archived(t, row("7"))
	var rows []map[string]any
	if err := json.Unmarshal([]byte(files["1-shop/1-customer.json"]), &rows); err != nil {
		t.Fatal(err)
	}
	if rows[0]["int"] != 4539578763621487.0 || rows[0]["text"] != "call me, my card is 4539 5787 6362 1487" || rows[0]["b"] != "5787" || len(counts[0].Cards) != 0 {
		t.Errorf("%v, %v", rows, counts)
	}
	if strings.Contains(files["index.html"], "payment cards") {
		t.Error("the page speaks of cards")
	}
}

// TestANumberKeepsNeitherASignNorZerosFromBeingMasked: whole numbers lose the zeros
// of a group, and may be negative.
func TestANumberKeepsNeitherASignNorZerosFromBeingMasked(t *testing.T) {
	split := func(values ...any) connector.Row {
		r := connector.Row{Collection: "customer"}
		for i, v := range values {
			r.Columns = append(r.Columns, connector.Column{Name: string(rune('a' + i)), Category: "user.financial", Value: v})
		}
		return r
	}
	for _, tc := range []struct {
		name string
		row  connector.Row
		want []any
	}{
		{"a negative number", split(int64(-4111111111111111)), []any{"-************1111"}},
		{"a negative fraction's whole", split(-4111111111111111.0), []any{"-************1111"}},
		{"groups that begin with zeros", split(int64(4000), int64(12), int64(3456), int64(7899)), []any{"****", "****", "****", "7899"}},
		{"the last of them too", split(int64(4539), int64(5787), int64(6362), int64(9)), []any{"****", "****", "****", "0009"}},
		{"in columns of fractions", split(4000.0, 12.0, 3456.0, 7899.0), []any{"****", "****", "****", "7899"}},
		{"a group that is not whole", split(4000.0, 12.5, 3456.0, 7899.0), []any{4000.0, 12.5, 3456.0, 7899.0}},
		{"the twin: a digit that does not fit", split(int64(4000), int64(12), int64(3456), int64(7898)), []any{4000.0, 12.0, 3456.0, 7898.0}},
	} {
		files, _ := archived(t, tc.row)
		var rows []map[string]any
		if err := json.Unmarshal([]byte(files["1-shop/1-customer.json"]), &rows); err != nil {
			t.Fatal(err)
		}
		for i, want := range tc.want {
			if got := rows[0][string(rune('a'+i))]; got != want {
				t.Errorf("%s: column %d is %v, want %v", tc.name, i, got, want)
			}
		}
	}
}

func TestTheRowOfAConnectorIsNotChanged(t *testing.T) {
	r := row("6")
	archived(t, r)
	if diff := cmp.Diff(row("6"), r); diff != "" {
		t.Error(diff)
	}
}
