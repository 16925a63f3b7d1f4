// Package transittest is the part of a Vault or OpenBao server that the transit
// key store uses, for tests: it keeps to what the two servers do, checks and
// answers, refusals and their words included.
package transittest

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Mount is where the transit engine is.
const Mount = "transit"

// Token is the one that is let in at first.
const Token = "hvs.test"

// Server is one server with a transit engine.
type Server struct {
	*httptest.Server

	mu        sync.Mutex
	keys      map[string]*key
	token     string
	namespace string
	sealed    bool
	before    func(r *http.Request) (status int)
	calls     []string
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{keys: map[string]*key{}, token: Token}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

// Seal seals the server, or unseals it.
func (s *Server) Seal(sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = sealed
}

// Admit lets in another token, and no longer the one before; and asks for a
// namespace, unless that is empty.
func (s *Server) Admit(token, namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.namespace = token, namespace
}

// Before is run before every call; a status that is not zero is the answer.
func (s *Server) Before(do func(r *http.Request) (status int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = do
}

// Calls lists what was asked so far: method and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Lose forgets every key, as a server does that was made anew.
func (s *Server) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

// Archive is how many versions of a key are kept, trimmed ones not counted.
func (s *Server) Archive(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[name]; k != nil {
		return len(k.versions)
	}
	return 0
}

// request is what a call may say. Fields are missing or given, as in JSON.
type request struct {
	Type          string `json:"type"`
	Exportable    bool   `json:"exportable"`
	Plaintext     string `json:"plaintext"`
	Ciphertext    string `json:"ciphertext"`
	Associated    string `json:"associated_data"`
	KeyVersion    int    `json:"key_version"`
	MinDecryption *int   `json:"min_decryption_version"`
	MinEncryption *int   `json:"min_encryption_version"`
	MinAvailable  *int   `json:"min_available_version"`
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before := s.before
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if before != nil {
		if status := before(r); status != 0 {
			refuse(w, status, "test")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var body request
	switch {
	case s.sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
	case r.Header.Get("X-Vault-Token") != s.token || r.Header.Get("X-Vault-Namespace") != s.namespace:
		refuse(w, http.StatusForbidden, "permission denied")
	case r.ContentLength > 0 && json.NewDecoder(r.Body).Decode(&body) != nil:
		refuse(w, http.StatusBadRequest, "failed to parse JSON input: invalid character")
	default:
		s.route(w, r, body)
	}
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, body request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/"+Mount+"/")
	if !ok {
		refuse(w, http.StatusNotFound, "no handler for route \""+strings.TrimPrefix(r.URL.Path, "/v1/")+"\". route entry not found.")
		return
	}
	parts := strings.Split(path, "/")
	if r.Method == "LIST" && path == "keys" {
		s.list(w)
		return
	}
	if len(parts) < 2 {
		refuse(w, http.StatusNotFound, "no handler for route \"transit/"+path+"\". route entry not found.")
		return
	}
	name := parts[1]
	k := s.keys[name]
	switch call := r.Method + " " + strings.Join(slices.Delete(slices.Clone(parts), 1, 2), "/"); call {
	case "GET keys":
		if k == nil {
			refuse(w, http.StatusNotFound)
			return
		}
		answer(w, k.describe(name))
	case "POST keys":
		if k == nil { // a key that exists stays as it is
			k = newKey(body)
			s.keys[name] = k
		}
		answer(w, k.describe(name))
	case "POST keys/rotate", "POST keys/config", "POST keys/trim":
		s.change(w, call, name, k, body)
	case "POST encrypt", "POST decrypt", "POST rewrap":
		if k == nil {
			refuse(w, http.StatusBadRequest, "encryption key not found")
			return
		}
		data, err := k.use(call, body)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		answer(w, data)
	default:
		refuse(w, http.StatusMethodNotAllowed, "unsupported operation")
	}
}

func (s *Server) change(w http.ResponseWriter, call, name string, k *key, body request) {
	if k == nil {
		refuse(w, http.StatusBadRequest, "no existing key named "+name+" could be found")
		return
	}
	var err error
	switch call {
	case "POST keys/rotate":
		k.rotate()
	case "POST keys/config":
		err = k.configure(body)
	case "POST keys/trim":
		err = k.trim(body)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, k.describe(name))
}

func (s *Server) list(w http.ResponseWriter) {
	if len(s.keys) == 0 {
		refuse(w, http.StatusNotFound)
		return
	}
	var names []string
	for name := range s.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	answer(w, map[string]any{"keys": names})
}

func answer(w http.ResponseWriter, data map[string]any) {
	reply(w, http.StatusOK, map[string]any{"request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data, "warnings": nil})
}

func refuse(w http.ResponseWriter, status int, why ...string) {
	reply(w, status, map[string]any{"errors": append([]string{}, why...)})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // maps of plain values; the caller who left is the test's matter
}

// Files are a file with the token, and one with the server's certificate.
func (s *Server) Files(t testing.TB) (token, ca string) {
	t.Helper()
	dir := t.TempDir()
	token, ca = filepath.Join(dir, "token"), filepath.Join(dir, "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := errors.Join(os.WriteFile(token, []byte(Token+"\n"), 0o600), os.WriteFile(ca, cert, 0o600)); err != nil {
		t.Fatal(err)
	}
	return token, ca
}
