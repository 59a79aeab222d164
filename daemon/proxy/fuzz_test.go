package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

var httpAddress = regexp.MustCompile(`^(?i)https?://[^/?]*`)

// Whatever target a client writes, the API sees the very bytes of its path and query, or nothing.
func FuzzTheAPISeesTheTargetOrNothing(f *testing.F) {
	for _, target := range []string{
		"/", "/a/b", "/a%2fb", "/a%2Fb?c=%2f", "//evil.test/", "/%2e%2e/", "/../x", "/a;b?c;d", "/a?b?c", "/a?", "/?", "/a#b", "/a%zz", "/a%", "/\"x\"",
		"/a b", "/\u00e9", "/%c3%a9", "/a\\b", "/a|b", "/[x]", "/{x}", "/a?b=\"c\"", "/a?%zz", "/a?b\u00e9", "*", "", "a", "?a", "http://api.test", "http://api.test/",
		"http://api.test/a%2fb?c", "HTTP://API.test/a", "https://api.test?x", "http://api.test//x", "http://u:p@api.test/x", "x:http://api.test/", "ftp://api.test/",
		"//a?b", "/a//b", "/./a", "/%00", "/\x7f", "/\x00", "/a\t", "http://", "http:///x", "http:/x", "http:x", "/a?\x80", "/%2f%2fevil.test", "///", "/;/a?;",
		"http://api.test/\"x", "http://api.test/#x", "/auth?%", "/:x", "/a:b@c", "/~!$&'()*+,=", "/<>^`",
	} {
		f.Add(target)
	}
	raw, err := tenant().Mint(entratest.Request{User: "reader"})
	if err != nil {
		f.Fatal(err)
	}
	address := serve(f, Handler(newGate(f, config.Proxy{Upstream: "http://" + startEcho(f)}), nil))
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, "\r\n") || len(target) > 16<<10 {
			return // another request line than the one that is meant, or one over the door's limit
		}
		answer := speak(t, address, http1("GET "+target+" HTTP/1.1", "Authorization: Bearer "+raw))
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			t.Fatalf("%q: %v in %q", target, err, answer)
		}
		body, err := io.ReadAll(response.Body)
		switch seen := string(body); {
		case err != nil:
			t.Fatal(err)
		case response.StatusCode == http.StatusBadRequest:
			if plainTarget.MatchString(target) {
				t.Fatalf("%q was refused", target)
			}
		case response.StatusCode != http.StatusOK:
			t.Fatalf("%q: want 200 or 400, got %s", target, answer)
		case seen != target && seen != rootOf(target):
			t.Fatalf("the client wrote %q and the API saw %q", target, seen)
		}
	})
}

// plainTarget is what nobody may refuse.
var plainTarget = regexp.MustCompile(`^/([A-Za-z0-9._~-]([A-Za-z0-9/._~-]|%[0-9A-Fa-f]{2})*)?(\?[A-Za-z0-9&=]*)?$`)

// rootOf gives path and query of an http address; the path of one that has none is /.
func rootOf(target string) string {
	rest := target[len(httpAddress.FindString(target)):]
	if rest != target && !strings.HasPrefix(rest, "/") {
		return "/" + rest
	}
	return rest
}

// startEcho starts an API that answers with the target of the request line as it came over the wire.
func startEcho(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			echo(connection)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

func echo(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	reader := bufio.NewReader(connection)
	line, err := reader.ReadString('\n')
	for next := line; err == nil && next != "\r\n"; {
		next, err = reader.ReadString('\n')
	}
	target := strings.TrimSuffix(strings.TrimPrefix(line, "GET "), " HTTP/1.1\r\n")
	fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(target), target)
}
