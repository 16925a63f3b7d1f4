package looks_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/looks"
)

func TestNamesOfColumnsThatHoldDataOfPeopleAreKnown(t *testing.T) {
	for _, name := range []string{
		"email", "E_MAIL", "customerEmail", "phone2", "mobile_no", "FirstName", "first_name", "LAST_NAME", "dateOfBirth", "birth_date", "dob",
		"ssn", "passport_no", "ip_address", "remote_addr", "user_agent", "iban", "credit_card_no", "BillingAddress", "picture_of_patient", "emails",
	} {
		if !looks.Personal(name, false) {
			t.Errorf("%s is not taken for personal", name)
		}
	}
	for _, name := range []string{"name", "city", "note", "address", "account_id", "comments", "PostalCode"} {
		if looks.Personal(name, false) || !looks.Personal(name, true) {
			t.Errorf("%s is to count among data of people, and nowhere else", name)
		}
	}
	for _, name := range []string{"id", "price", "sku", "quantity", "created_at", "amount", "status", "weight", "rating", "track_number", "description_of_goods", "", "_", "42", "ship", "zipper"} {
		if looks.Personal(name, false) || looks.Personal(name, true) {
			t.Errorf("%s is taken for personal", name)
		}
	}
}
