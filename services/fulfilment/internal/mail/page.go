package mail

import (
	"errors"
	"net/url"
	"strings"
)

// Page is the address of the page on which a person cancels a request that
// somebody made in their name; empty for none. The request and the code are behind
// the "#", which no browser and no scanner of mails sends to a server: opening the
// page cancels nothing, the page's button does, by CancelRequest.
type Page string

// ErrPage says that the address is none that a code may stand in.
var ErrPage = errors.New("page of links must be an https address without a fragment")

// NewPage checks an address.
func NewPage(address string) (Page, error) {
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(address, "#") || u.User != nil {
		return "", ErrPage
	}
	return Page(address), nil
}

// Link is the address that a person opens; empty without a page or a code.
func (p Page) Link(request, code string) string {
	if p == "" || code == "" {
		return ""
	}
	return string(p) + "#" + request + "." + code
}
