package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// hearsOfNoOther: an API that follows X-Original-URL or X-Rewrite-URL (Symfony, Zend and IIS once did) answers for the path
// that the client wrote there, and not for the one that claimd judged. The gateways' files once left these in.
func (s *stage) hearsOfNoOther() {
	lines := []string{"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Method",
		"X-Forwarded-Host", "X-Claimd-Decision"}
	if s.name == "traefik" { // its entry point removes X-Forwarded-* before all else, which is not played
		lines = slices.DeleteFunc(lines, func(name string) bool { return strings.HasPrefix(name, "X-Forwarded-") })
	}
	for i := range lines {
		lines[i] += ": forged"
	}
	got := s.passed("forged originals", request("GET", "/a", "api.example", s.tokens["ada"], lines...))
	for name, values := range got.header {
		if slices.Contains(values, "forged") {
			s.t.Errorf("the API got %s: forged", name)
		}
	}
	if gateway, _ := gateways.Find(s.name); !gateway.Proxied {
		return
	}
	// The API learns of the client and the protocol what Apache knows; claimd once said http and 127.0.0.1 to all of them.
	got = s.passed("forged clients", request("GET", "/a", "api.example", s.tokens["ada"], "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: gopher"))
	if values := got.header.Values("X-Forwarded-For"); !slices.Equal(values, []string{"127.0.0.1, 127.0.0.1"}) {
		s.t.Errorf("the API got X-Forwarded-For: %q", values)
	}
	if values := got.header.Values("X-Forwarded-Proto"); !slices.Equal(values, []string{"http"}) {
		s.t.Errorf("the API got X-Forwarded-Proto: %q", values)
	}
}

// identitiesElsewhere: a client that writes `Connection: Remote-Groups` has whatever reads that header next (a proxy of the
// API's own, a service mesh) take the identity out of the request (CVE-2026-29054): HAProxy's file once passed it on. And
// what stands behind a body in chunks is a header field to some servers, while claimd is asked before it arrives.
func (s *stage) identitiesElsewhere() {
	for _, text := range []string{
		request("GET", "/a", "api.example", s.tokens["ada"], "Connection: Remote-User, Remote-Groups"),
		strings.Replace(request("GET", "/a", "api.example", s.tokens["ada"]), "Connection: close", "Connection: close, Remote-User", 1),
	} {
		got := s.passed("Connection names the identity", text)
		if values := strings.ToLower(strings.Join(got.header["Connection"], ",")); strings.Contains(values, "remote") {
			s.t.Errorf("the API got Connection: %s", values)
		}
	}
	if s.websocks {
		_, reached := s.send(strings.Replace(upgrade("/a", s.tokens["ada"]), "Connection: Upgrade", "Connection: Upgrade, Remote-User", 1))
		for _, one := range reached {
			if values := strings.ToLower(strings.Join(one.header["Connection"], ",")); strings.Contains(values, "remote") {
				s.t.Errorf("a WebSocket: the API got Connection: %s", values)
			}
		}
	}
	for _, announced := range []string{"", "TE: trailers\r\nTrailer: Remote-User\r\n"} {
		_, reached := s.send("POST /b HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: Bearer " + s.tokens["ada"] + "\r\n" +
			announced + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nRemote-User: root\r\nRemote_Email: root\r\n\r\n")
		for _, one := range reached {
			s.identity("trailers", one, ada())
			if forged := one.trailer.Get("Remote-User") + one.trailer.Get("Remote_email"); forged != "" && !s.trailers {
				s.t.Errorf("announced with %q, the API got the trailer %v", announced, one.trailer)
			}
		}
	}
}

// uploads: claimd answers a request without a token before its body has arrived. The client of a large upload gets that
// 401, with its challenge, and no error of the gateway's own.
func (s *stage) uploads() {
	before := s.api.count()
	for _, framing := range []string{"Content-Length: 921600", "Transfer-Encoding: chunked"} {
		if got := upload(s.front.address, framing, 921600); got != "401 Bearer" {
			s.t.Errorf("%s: got %s", framing, got)
		}
	}
	if reached := s.api.since(before); len(reached) > 0 {
		s.t.Errorf("the API got %d requests", len(reached))
	}
}

// upload sends a body as clients do that look for an answer while they send.
func upload(address, framing string, size int) string {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		body := strings.Repeat("x", size)
		if strings.HasSuffix(framing, "chunked") {
			body = strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", size/4096) + "0\r\n\r\n"
		}
		_, _ = io.WriteString(connection, "POST /a HTTP/1.1\r\nHost: api.example\r\n"+framing+"\r\n\r\n"+body) // it may be cut off
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	_ = connection.SetDeadline(time.Now())
	<-sent
	return fmt.Sprint(response.StatusCode, " ", response.Header.Get("Www-Authenticate"))
}

// mixesNoAnswers: users share the connections of the gateway with claimd and with the API; each answer is that of its own
// request, while claimd is stopped and started in between.
func (s *stage) mixesNoAnswers() {
	var all sync.WaitGroup
	stop := make(chan struct{})
	var passed sync.Map
	for i, user := range []string{"ada", "olga", "expired", "", "ada", "olga"} {
		want := map[string]string{"ada": adaID, "olga": olgaID}[user]
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				path := fmt.Sprintf("/a/%d-%d", i, n)
				got, err := speak(s.front.address, request("GET", path, "api.example", s.tokens[user]), 10*time.Second)
				if err != nil || got.status != http.StatusOK {
					continue // claimd is down
				}
				passed.Store(user, true)
				if answers := got.header.Get("X-Answers"); answers != path+" "+want || want == "" {
					s.t.Errorf("%s of %q got the answer to %s", path, user, answers)
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	s.claimd.stop()
	time.Sleep(50 * time.Millisecond)
	s.claimd.start()
	for _, user := range []string{"ada", "olga"} { // each has passed at least once
		for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
			if _, ok := passed.Load(user); ok {
				break
			}
		}
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	all.Wait()
	for _, user := range []string{"ada", "olga"} {
		if _, ok := passed.Load(user); !ok {
			s.t.Errorf("%s was never let in", user)
		}
	}
}
