// Package looks tells by its name whether a column seems to hold data of a person. It
// errs towards yes: who describes a system can say no, with a reason that is
// recorded.
package looks

import (
	"slices"
	"strings"
	"unicode"
)

// Personal reports whether a column's name looks as if it held data of a person.
// near says that its table holds data of people, or rows that belong to them; there
// words such as "name" count too, which elsewhere are anything's.
func Personal(column string, near bool) bool {
	words := split(column)
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool {
			return slices.Contains(list, strings.TrimSuffix(w, "s")) || slices.Contains(list, w)
		})
	}
	whole := strings.Join(words, "")
	return has(telling()) || slices.ContainsFunc(joined(), func(t string) bool { return strings.Contains(whole, t) }) || near && has(local())
}

// telling are words that say so wherever they stand.
func telling() []string {
	return []string{
		"email", "mail", "phone", "telephone", "tel", "mobile", "fax", "msisdn", "firstname", "lastname", "surname", "forename", "fullname",
		"nickname", "username", "login", "birth", "birthday", "birthdate", "dob", "gender", "sex", "ssn", "passport", "iban", "bic", "salary",
		"religion", "ethnicity", "race", "nationality", "health", "diagnosis", "patient", "allergy", "disability", "biometric", "fingerprint",
		"avatar", "signature", "password", "ip", "ipaddress", "useragent", "cookie", "latitude", "longitude", "imei", "idfa", "gaid",
		"employee", "customer", "subscriber", "guardian", "spouse", "household", "kin", "licence", "license", "vat", "nino", "tin",
	}
}

// joined are the same, where they are written of several words.
func joined() []string {
	return []string{
		"firstname", "lastname", "middlename", "givenname", "familyname", "fullname", "maidenname", "displayname", "username",
		"dateofbirth", "birthdate", "birthday", "streetaddress", "postaladdress", "homeaddress", "mailingaddress", "billingaddress", "shippingaddress",
		"ipaddr", "remoteaddr", "useragent", "deviceid", "socialsecurity", "nationalid", "taxid", "creditcard", "cardnumber", "bankaccount",
		"phonenumber", "geolocation",
	}
}

// local are words that say so among data of people.
func local() []string {
	return []string{
		"name", "address", "street", "city", "town", "zip", "postcode", "postal", "country", "state", "province", "photo", "picture", "image",
		"note", "comment", "message", "body", "text", "remark", "bio", "title", "company", "age", "language", "locale", "location", "lat", "lng", "lon",
		"device", "session", "account", "card", "income", "credit", "contact", "person", "user",
	}
}

// split cuts a name into its words, in small letters: at what is no letter, and
// before a capital that follows a small one.
func split(name string) []string {
	var words []string
	word := []rune{}
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = nil
		}
	}
	small := false
	for _, r := range name {
		if !unicode.IsLetter(r) || small && unicode.IsUpper(r) {
			end()
		}
		if unicode.IsLetter(r) {
			word = append(word, r)
		}
		small = unicode.IsLower(r)
	}
	end()
	return words
}
