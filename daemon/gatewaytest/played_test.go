package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"
)

// serve serves the gateway that the test plays until the test ends.
func serve(t *testing.T, handler http.HandlerFunc) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return &front{address: listener.Addr().String(), log: func() string { return "" }}
}

// setting gives what the expression's group finds in the file, of which there must be one.
func setting(t *testing.T, text, expression string) string {
	t.Helper()
	found := settings(text, expression)
	if len(found) != 1 {
		t.Fatalf("%s stands %d times in\n%s", expression, len(found), text)
	}
	return found[0]
}

// settings gives what the expression's group finds in the file.
func settings(text, expression string) []string {
	var all []string
	for _, found := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

// hop are the headers of one hop, which gateways pass on to nobody.
var hop = []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection"}

// ask sends one request, in the words given, and reads the answer.
func ask(network, address, method, target, host string, header http.Header, body []byte, within time.Duration) (answer, error) {
	connection, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return answer{}, err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(within))
	fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", method, target, host, len(body))
	for name, values := range header {
		if canonical := http.CanonicalHeaderKey(name); slices.Contains(hop, canonical) || canonical == "Content-Length" {
			continue
		}
		for _, value := range values {
			fmt.Fprintf(connection, "%s: %s\r\n", name, value)
		}
	}
	_, _ = fmt.Fprintf(connection, "\r\n%s", body) // the answer tells
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// give hands an answer to the client.
func give(w http.ResponseWriter, got answer) {
	for name, values := range got.header {
		if !slices.Contains(hop, name) {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(got.status)
	_, _ = io.WriteString(w, got.body) // the client may be gone
}

// isPreflight is what Traefik's headers middleware and Envoy's CORS filter answer themselves.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// pass hands the request to the API.
func pass(w http.ResponseWriter, upstream string, r *http.Request, target string, header http.Header, body []byte) {
	got, err := ask("tcp", upstream, r.Method, target, r.Host, header, body, 10*time.Second)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	give(w, got)
}

// preflightAnswer is what a gateway answers a preflight with.
type preflightAnswer struct{ origin, methods, headers string }

func (p *preflightAnswer) give(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", p.origin)
	w.Header().Set("Access-Control-Allow-Methods", p.methods)
	w.Header().Set("Access-Control-Allow-Headers", p.headers)
	w.WriteHeader(http.StatusOK)
}
