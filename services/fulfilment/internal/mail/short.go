package mail

import "strings"

// shorts are the notices that are sent to telephones: those that tell of what
// somebody may do in another's name.
func shorts() map[string]string {
	return map[string]string{
		"delayed": heading + `Somebody has made a request {{right .}} in your name: {{.Request}}. Nothing is done before {{moment .HeldUntil}}. If it was not you, cancel it ` +
			`{{if .CancelLink}}here: {{.CancelLink}}{{else}}with this code: {{.Cancel}}{{end}}{{with .Contact}} Questions: {{.}}{{end}}`,
	}
}

// RenderText writes a notice for a telephone.
func RenderText(name string, f Facts) (Message, error) {
	name, _, _ = strings.Cut(name, ".") // the same goes to several
	body, ok := shorts()[name]
	if !ok {
		return Message{}, ErrTemplate
	}
	text, err := fill(name, body, f)
	return Message{Text: text}, err
}
