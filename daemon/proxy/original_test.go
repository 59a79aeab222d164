package proxy

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
)

// The proxy knows the request itself: no header tells it another one. What the API gets is the path that was judged.
func TestRoutesAreAskedAboutTheRequestItself(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	gate := changedGate(t, towards("http://"+behind.address), func(c *config.Config) {
		c.Routes = []config.Route{
			{Match: "GET /public/", Public: true}, {Match: "GET /reports/", Groups: []string{"Analysts"}}, {Match: "admin.example/", Admin: true},
		}
	})
	address := serve(t, Handler(gate, nil))
	token := "Authorization: Bearer " + mint(t, "reader")
	forged := []string{"X-Forwarded-Method: GET", "X-Forwarded-Host: claimd", "X-Forwarded-Uri: /public/", "X-Original-URI: /public/"}
	for _, c := range []struct {
		story  string
		lines  []string
		want   string // the reason, or the request line that the API got
		public bool
	}{
		{"a public route", []string{"GET /public/a?x HTTP/1.1"}, "GET /public/a?x HTTP/1.1", true},
		{"a public route looks at no token", []string{"GET /public/a HTTP/1.1", "Authorization: Bearer garbage"}, "GET /public/a HTTP/1.1", true},
		{"a public route takes the client's identity away", []string{"GET /public/a HTTP/1.1", "Remote-User: root", "remote_user: root", "Remote.Admin: true"}, "GET /public/a HTTP/1.1", true},
		{"a whole address", []string{"GET http://claimd/public/a HTTP/1.1"}, "GET /public/a HTTP/1.1", true},
		{"a whole address of another host", []string{"GET http://admin.example/public/a HTTP/1.1"}, "no_token", false},
		{"a whole address without a path", []string{"GET http://claimd HTTP/1.1", token}, "route", false},
		{"a whole address that leads elsewhere", []string{"GET http://claimd/public/../reports/ HTTP/1.1"}, "original_request", false},
		{"no http address", []string{"GET x:http://claimd/public/ HTTP/1.1"}, "original_request", false},
		{"the server as a whole", []string{"OPTIONS * HTTP/1.1", token}, "original_request", false},
		{"a tunnel", []string{"CONNECT claimd:80 HTTP/1.1", token}, "original_request", false},
		{"another path", append([]string{"GET /reports/ HTTP/1.1"}, forged...), "no_token", false},
		{"another path with a token", append([]string{"GET /reports/ HTTP/1.1", token}, forged...), "GET /reports/ HTTP/1.1", false},
		{"another method", append([]string{"POST /reports/ HTTP/1.1", token, "Content-Length: 0"}, forged...), "route", false},
		{"HEAD", []string{"HEAD /public/ HTTP/1.1"}, "HEAD /public/ HTTP/1.1", true},
		{"two slashes", []string{"GET //public/ HTTP/1.1"}, "original_request", false},
		{"an encoded slash", []string{"GET /public%2f..%2freports/ HTTP/1.1"}, "original_request", false},
		{"an encoded letter arrives as it came", []string{"GET /%70ublic/ HTTP/1.1"}, "GET /%70ublic/ HTTP/1.1", true},
	} {
		t.Run(c.story, func(t *testing.T) {
			behind.mu.Lock()
			behind.seen = nil
			behind.mu.Unlock()
			answer := speak(t, address, http1(c.lines...))
			got, rest, _ := strings.Cut(behind.last(), "\r\n")
			if got == "" {
				_, after, _ := strings.Cut(answer, `"reason":"`)
				got, _, _ = strings.Cut(after, `"`)
			}
			if got != c.want {
				t.Errorf("got %q, want %q:\n%s", got, c.want, answer)
			}
			if c.public && (!strings.Contains(rest, "\r\nRemote-User: \r\n") || !strings.Contains(rest, "\r\nRemote-Admin: \r\n") || strings.Contains(rest, "root")) {
				t.Errorf("the API got\n%s", rest)
			}
		})
	}
}
