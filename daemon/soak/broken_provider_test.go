package soak

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// lie is a provider that answers what it must not be believed.
type lie struct {
	name string
	tell func(s *stand) func(what string, body []byte) []byte
}

// lies change what the provider publishes. Each would let a stranger's tokens in, or nobody's, if it were believed.
func lies() []lie {
	onDocuments := func(from, to string) func(*stand) func(string, []byte) []byte {
		return func(s *stand) func(string, []byte) []byte {
			replace := strings.NewReplacer(strings.ReplaceAll(from, "AUTHORITY", s.tenant.authority), to)
			return func(what string, body []byte) []byte {
				if strings.HasSuffix(what, "document") {
					return []byte(replace.Replace(string(body)))
				}
				return body
			}
		}
	}
	onKeys := func(change func(s *stand, body []byte) []byte) func(*stand) func(string, []byte) []byte {
		return func(s *stand) func(string, []byte) []byte {
			return func(what string, body []byte) []byte {
				if strings.HasSuffix(what, "keys") {
					return change(s, body)
				}
				return body
			}
		}
	}
	return []lie{
		{"no keys", onKeys(func(*stand, []byte) []byte { return []byte(`{"keys":[]}`) })},
		{"half an answer", onKeys(func(_ *stand, body []byte) []byte { return body[:len(body)/2] })},
		{"HTML", onKeys(func(*stand, []byte) []byte { return []byte("<!doctype html><title>Sign in</title>") })},
		{"null", onKeys(func(*stand, []byte) []byte { return []byte("null") })},
		{"a gigantic answer", onKeys(func(*stand, []byte) []byte { return bytes.Repeat([]byte(" "), 2<<20) })},
		{"documents of another tenant", onDocuments(tenantID, "f0f0f0f0-0d9a-4f6b-b3a8-d17f90e64c25")},
		{"keys of another host", onDocuments(`"jwks_uri":"AUTHORITY`, `"jwks_uri":"http://127.0.0.2:9`)},
		{"a stranger's keys, of another issuer, under our ids", onKeys(strangersKeys)},
		{"symmetric keys under our ids", onKeys(func(_ *stand, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"kty":"RSA"`), []byte(`"kty":"oct","k":"c2VjcmV0"`))
		})},
	}
}

// strangersKeys are the stranger's key set, with the ids of ours. If claimd believed it, the load's forged token passed.
func strangersKeys(s *stand, body []byte) []byte {
	answer := httptest.NewRecorder()
	outside := strangerTenant(s.t)
	path := "/" + outside.Directory().TenantID + "/discovery/v2.0/keys"
	outside.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	theirs := strings.ReplaceAll(answer.Body.String(), outside.KeyIDs()[0], s.tenant.inside.KeyIDs()[0])
	if answer.Code != http.StatusOK || !strings.Contains(theirs, `"issuer"`) {
		s.t.Errorf("the stranger's keys: %d %s", answer.Code, theirs)
	}
	return []byte(theirs)
}

// brokenProvider: known keys go on, whatever the provider says or does not say.
func brokenProvider(t *testing.T) []string {
	s := newStand(t)
	behave := func() { s.tenant.misbehave(entratest.Faults{}) }
	for _, f := range providerFaults() {
		s.during(fault{name: "provider: " + f.name, begin: func() { f.begin(s.tenant) }, while: s.refusedRefresh, end: func() { f.end(s.tenant) }})
	}
	for i, l := range lies() {
		if long() == 0 && i%3 != 1 {
			continue
		}
		tell := l.tell(s)
		s.during(fault{
			name:  "provider lies: " + l.name,
			begin: func() { s.tenant.misbehave(entratest.Faults{Rewrite: tell}) },
			while: s.refusedRefresh,
			end:   func() { behave(); s.refresh() },
		})
	}
	s.during(dripping(s))
	return s.finish()
}

// dripping has something in the provider's place that sends a byte now and then, for ever.
func dripping(s *stand) fault {
	var drip net.Listener
	done := make(chan struct{})
	return fault{
		name: "provider: drips",
		begin: func() {
			s.tenant.refuse()
			var err error
			drip, err = net.Listen("tcp", s.tenant.address)
			must(s.t, err)
			go dripOnAll(drip, done)
		},
		while: s.refusedRefresh,
		end: func() {
			close(done)
			must(s.t, drip.Close())
			s.tenant.listen()
		},
	}
}

func dripOnAll(listener net.Listener, done <-chan struct{}) {
	for {
		socket, err := listener.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer socket.Close()
			_, err := socket.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
			for err == nil {
				select {
				case <-done:
					return
				case <-time.After(50 * time.Millisecond):
				}
				_, err = socket.Write([]byte(" "))
			}
		}()
	}
}

// brokenColdStart: without keys on disk and without a provider nobody passes, valid tokens get 503; once the provider
// answers they pass.
func brokenColdStart(t *testing.T) []string {
	s := newStand(t)
	rows := s.finish()
	s.never = s.never[:len(s.never)-1] // what expired meanwhile has expired
	for _, f := range providerFaults() {
		if long() == 0 && f.name != "no keys" {
			continue
		}
		must(t, os.RemoveAll(filepath.Join(s.dir, "state/keys")))
		f.begin(s.tenant)
		s.moment.Store(&standMoment{valid: []int{http.StatusServiceUnavailable}})
		s.daemon = s.launch()
		s.load()
		s.during(fault{
			name: "no keys on disk, and the provider: " + f.name, valid: []int{http.StatusServiceUnavailable}, nobody: true,
			begin: func() {}, end: func() { f.end(s.tenant); s.refresh() },
		})
		rows = append(rows, s.finish()...)
	}
	return rows
}
