package natsd

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// accountInfo is imported into every user's account. Without it the server
// answers all of the JetStream interface there, and says that it is off.
const accountInfo = "$JS.API.INFO"

// OwnAccount is the account of a restricted user of this name.
func OwnAccount(user string) string { return Account + "_" + strings.ToUpper(user) }

// feedRoot begins the subjects that streams are delivered to. A user that
// subscribes to one hears it from Account.
const feedRoot = "_FEED_"

func feeds(u User) []string {
	return slices.DeleteFunc(slices.Clone(u.Subscribe), func(subject string) bool { return !strings.HasPrefix(subject, feedRoot) })
}

// export is a subject of Account, and the accounts that may send to it.
type export struct {
	Subject  string
	Accounts []string
	Many     bool // whether one request may have several answers
}

func exports(users []User) []export {
	accounts := map[string][]string{}
	for _, u := range users {
		if u.Unrestricted {
			continue
		}
		for _, subject := range append([]string{accountInfo}, u.Publish...) {
			accounts[subject] = append(accounts[subject], OwnAccount(u.Name))
		}
	}
	out := make([]export, 0, len(accounts))
	for _, subject := range slices.Sorted(maps.Keys(accounts)) {
		out = append(out, export{Subject: subject, Accounts: accounts[subject], Many: manyAnswers(subject)})
	}
	return out
}

// manyAnswers is so for batched reads and for what a consumer delivers.
func manyAnswers(subject string) bool {
	return strings.HasPrefix(subject, "$JS.API.DIRECT.GET.") || strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT.")
}

// validateNames wants the names of restricted users to be names of accounts,
// each its own.
func (c Config) validateNames() error {
	seen, account := map[string]bool{}, regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)
	for _, u := range c.Users {
		switch {
		case u.Unrestricted:
		case !account.MatchString(u.Name):
			return fmt.Errorf("user %s has no name of small letters and digits", u.PublicKey)
		case seen[u.Name]:
			return fmt.Errorf("two users are called %s", u.Name)
		case slices.Contains(u.Publish, accountInfo):
			return fmt.Errorf("user %s: %s is in every list already", u.Name, accountInfo)
		}
		seen[u.Name] = true
	}
	return nil
}
