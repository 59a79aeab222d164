package gateway_test

import (
	"bufio"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
)

// No route is configured, so nothing of the original request counts: whatever stands in the query, in the method, and in
// headers of either family, the answer is the one that the token alone gets.
func FuzzTheOriginalRequestDecidesNothing(f *testing.F) {
	for _, suffix := range []string{"Method", "Host", "URI", "Uri", "For", "Proto", "Url", "Path", "User", "", "Remote-User", "_Method"} {
		f.Add("GET", "", suffix, "/admin", true)
		f.Add("GET", "", suffix, "DELETE", false)
	}
	f.Add("DELETE", "?access_token=x", "Uri", "/whoami", true)
	f.Add("OPTIONS", "?rd=/livez#x", "Uri", "http://evil.test/?a=b", false)
	f.Add("POST", "?", "Method", "\x00\r\n", true)
	handler := gateway.Handler(newGate(f, nil))
	raw, err := tenant().Mint(entratest.Request{User: "reader"})
	if err != nil {
		f.Fatal(err)
	}
	answer := func(method, query string, header http.Header) (int, http.Header, string) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " /auth" + query + " HTTP/1.1\r\nHost: claimd\r\n\r\n")))
		if err != nil || request.URL.EscapedPath() != "/auth" {
			return 0, nil, "" // net/http refuses it, or it asks for another page
		}
		request.Header = header
		w := &recorder{header: http.Header{}}
		handler.ServeHTTP(w, request)
		delete(w.header, "X-Claimd-Decision")
		return w.status, w.header, decisionID.ReplaceAllString(w.body.String(), "ID")
	}
	f.Fuzz(func(t *testing.T, method, query, suffix, value string, allowed bool) {
		if strings.ContainsAny(method+query, "\r\n") || query != "" && query[0] != '?' {
			return // another request line than the one that is meant
		}
		token, wanted := raw, http.StatusOK
		if !allowed {
			token, wanted = raw+"A", http.StatusUnauthorized
		}
		plain := http.Header{"Authorization": {"Bearer " + token}}
		wantStatus, wantHeader, wantBody := answer(http.MethodGet, "", maps.Clone(plain))
		if wantStatus != wanted || allowed && wantHeader.Get("Remote-Groups") != "Analysts" {
			t.Fatalf("without anything it is %d with %v", wantStatus, wantHeader)
		}
		for _, family := range []string{"X-Original-", "X-Forwarded-", "x-original-", "X_Forwarded_"} {
			more := maps.Clone(plain)
			more[family+suffix] = []string{value, "/" + value}
			status, header, body := answer(method, query, more)
			if status != 0 && (status != wantStatus || body != wantBody || !maps.EqualFunc(header, wantHeader, slices.Equal)) {
				t.Fatalf("want %d %v, got %d %v", wantStatus, wantHeader, status, header)
			}
		}
	})
}
