package gatewaytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatTheREADMEShowsOfCaddyIsSafeToPaste: "the lines that matter" are what people paste into the Caddyfile that they
// have. Those of the shipped file that keep tunnels and the client's Connection out were not among them: an upgrade to
// HTTP/2 led past claimd.
func TestWhatTheREADMEShowsOfCaddyIsSafeToPaste(t *testing.T) {
	t.Parallel()
	s, api, token := openStage(t, "caddy", false)
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	_, lines, found := strings.Cut(string(readme), "```caddyfile\n")
	lines, _, closed := strings.Cut(lines, "```")
	if !found || !closed {
		t.Fatal("the README shows no lines of Caddy")
	}
	lines = strings.NewReplacer("127.0.0.1:4180", s.claimd.server, "127.0.0.1:8081", api.address).Replace(lines)
	dir, err := os.MkdirTemp("", "gateway")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	address, program := freeAddress(t), programs()["caddy"]
	main := filepath.Join(dir, "Caddyfile")
	must(t, os.WriteFile(main, []byte("{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n"+program.front(address)+" {\n"+lines+"\n}\n"), 0o600))
	front := program.start(t, dir, main, address)
	bearer := "Authorization: Bearer " + token + "\r\n"
	for story, texts := range tunnels(bearer) {
		if story == "no tunnel" || strings.HasPrefix(story, "two Upgrade") || story == "CONNECT to a path" {
			t.Logf("%s: %.300q", story, utter(front.address, texts...))
		}
	}
	utter(front.address, "GET /a HTTP/1.1\r\nHost: api.example\r\nConnection: close, Remote-User, Remote-Groups\r\n"+bearer+"\r\n")
	for _, one := range api.forged() {
		t.Errorf("the API got %s", one)
	}
	reached := api.reached()
	for _, r := range reached {
		if r.Header.Get("Remote-User") != adaID {
			t.Errorf("the API got %s %s without the identity: %v", r.Method, r.RequestURI, r.Header)
		}
	}
	if len(reached) < 2 {
		t.Errorf("the API got %d requests\n%s", len(reached), front.log())
	}
}
