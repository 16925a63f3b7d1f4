package natsd

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"text/template"
)

// Node is a server that runs as a process of its own, alone or in a cluster.
// Its streams lie in the folder jetstream of Dir, and nothing guards their key.
// Of its Config, Key, OldKey, Logger, StartTimeout and InProcessOnly are not
// used: a node reads its keys from its environment and logs to its output.
type Node struct {
	Config
	// KeyVariable names the environment variable that holds the encryption
	// key; empty means plain files. A key never gets into the text.
	KeyVariable string
	// OldKeyVariable names the variable of the key before, for a rotation.
	OldKeyVariable string
	// Cluster, when set, makes the node a member.
	Cluster *Cluster
}

// Cluster is what the members of a cluster must agree on, and where this one
// listens for the others.
type Cluster struct {
	// Name is the same on every member.
	Name string
	// Host and Port are where this member listens for the others.
	Host string
	Port int
	// Routes are the host:port of all members; this one may be among them.
	Routes []string
	// TLS secures the routes, with certificates verified on both sides. Give it
	// a CA of its own: whoever holds one of its certificates can join as a
	// server and read everything.
	TLS *TLSFiles
}

// Render returns the node's configuration as the text of a nats-server
// configuration file.
func (n Node) Render() (string, error) {
	n.Config = n.withDefaults()
	if err := n.validate(); err != nil {
		return "", fmt.Errorf("check configuration: %w", err)
	}
	return render(n, n.Dir)
}

func (n Node) validate() error {
	if n.Key != "" || n.OldKey != "" {
		return errors.New("a key never goes into a file: name the variables that hold the keys")
	}
	if n.Port < 1 {
		return errors.New("a node needs a fixed port")
	}
	return errors.Join(
		n.Config.validate(),
		variable(n.KeyVariable),
		variable(n.OldKeyVariable),
		n.Cluster.validate(),
	)
}

func variable(name string) error {
	if strings.ContainsFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) {
		return errors.New("the name of a variable is not made of capital letters and underscores")
	}
	return nil
}

func (c *Cluster) validate() error {
	if c == nil {
		return nil
	}
	problems := []error{plainText("cluster name", c.Name), plainText("cluster host", c.Host), c.TLS.validate()}
	if c.Port < 1 || c.Port > 65535 {
		problems = append(problems, errors.New("a member needs a fixed port for its routes"))
	}
	for _, route := range c.Routes {
		if _, _, err := net.SplitHostPort(route); err != nil {
			problems = append(problems, fmt.Errorf("read route: %w", err))
		}
		problems = append(problems, plainText("route", route))
	}
	return errors.Join(problems...)
}

// configuration is the text form. A user with lists has an account of its own,
// which imports what it may publish to and nothing else: a server checks the
// subject of a request and not that of its answer, which it sends with rights of
// its own. In the user's account the answer finds no way to a stream. Every string in it has passed plainText.
// sync_interval "always" syncs each message before its acknowledgement. A user
// without an allowed subject is denied all: an empty list would mean the
// opposite. Addresses of members are not advertised, since certificates and
// proxies hold for the address that a client was given.
const configuration = `server_name: {{quote .ServerName}}
listen: {{address .Host .Port}}
max_payload: {{payload}}
{{with .TLS}}
tls {
  {{template "certificate" .}}
  verify: {{.VerifyClients}}
}
{{end}}
jetstream {
  store_dir: {{quote folder}}
  sync_interval: always
{{- if .MaxStore}}
  max_file_store: {{.MaxStore}}
{{- end}}
{{- if .KeyVariable}}
  cipher: chachapoly
  key: ${{.KeyVariable}}
{{- end}}
{{- if .OldKeyVariable}}
  prev_key: ${{.OldKeyVariable}}
{{- end}}
}

accounts {
  {{account}} {
    jetstream: enabled
    users: [
{{- range .Users}}{{if .Unrestricted}}
      { nkey: {{.PublicKey}} }
{{- end}}{{end}}
    ]
    exports: [
{{- range exports .Users}}
      { service: {{quote .Subject}}, {{if .Many}}response_type: stream, {{end}}accounts: [{{range $i, $a := .Accounts}}{{if $i}}, {{end}}{{$a}}{{end}}] }
{{- end}}
{{- range .Users}}{{if not .Unrestricted}}{{$own := own .Name}}{{range feeds .}}
      { stream: {{quote .}}, accounts: [{{$own}}] }
{{- end}}{{end}}{{end}}
    ]
  }
{{- range .Users}}{{if not .Unrestricted}}
  {{own .Name}} {
    users: [
      { nkey: {{.PublicKey}}, permissions: {
        publish: {{template "subjects" .Publish}}
        subscribe: {{template "subjects" .Subscribe}}
      } }
    ]
    imports: [
      { service: { account: {{account}}, subject: {{quote info}} } }
{{- range .Publish}}
      { service: { account: {{account}}, subject: {{quote .}} } }
{{- end}}
{{- range feeds .}}
      { stream: { account: {{account}}, subject: {{quote .}} } }
{{- end}}
    ]
  }
{{- end}}{{end}}
  {{system}} {
    users: [
{{- range .SystemUsers}}
      { nkey: {{.}} }
{{- end}}
    ]
  }
}
system_account: {{system}}
{{with .Cluster}}
cluster {
  name: {{quote .Name}}
  listen: {{address .Host .Port}}
  no_advertise: true
  routes: [
{{- range .Routes}}
    {{route .}}
{{- end}}
  ]
{{- with .TLS}}
  tls {
    {{template "certificate" .}}
    verify: true
  }
{{- end}}
}
{{end}}
{{- define "certificate"}}cert_file: {{quote .CertFile}}
  key_file: {{quote .KeyFile}}
  ca_file: {{quote .CAFile}}
  min_version: "1.3"{{end}}
{{- define "subjects"}}
{{- if .}}{ allow: [{{range $i, $s := .}}{{if $i}}, {{end}}{{quote $s}}{{end}}] }
{{- else}}{ deny: [">"] }{{end}}
{{- end}}`

func render(n Node, folder string) (string, error) {
	form, err := template.New("nats.conf").Funcs(template.FuncMap{
		"quote":   quote,
		"address": func(host string, port int) string { return quote(net.JoinHostPort(host, strconv.Itoa(port))) },
		"route":   func(address string) string { return quote("nats-route://" + address) },
		"folder":  func() string { return folder },
		"payload": func() int { return MaxPayload },
		"account": func() string { return Account },
		"system":  func() string { return SystemAccount },
		"own":     OwnAccount,
		"feeds":   feeds,
		"exports": exports,
		"info":    func() string { return accountInfo },
	}).Parse(configuration)
	if err != nil {
		return "", fmt.Errorf("parse form: %w", err)
	}
	var text strings.Builder
	if err := form.Execute(&text, n); err != nil {
		return "", fmt.Errorf("fill form: %w", err)
	}
	return text.String(), nil
}

// quote relies on plainText: there is nothing left to escape.
func quote(text string) string { return `"` + text + `"` }
