package config

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headers reads [server.headers]: the names of the identity headers.
func headers(server *table) Headers {
	t := server.sub("headers")
	first := map[string]string{} // folded name -> key
	read := func(key, standard string) string {
		name := t.text(key, standard, headerName)
		if name == "" {
			return ""
		}
		if other, ok := first[FoldHeader(name)]; ok {
			written, like := key, other
			if !t.has(key) { // then the other one has taken its name
				written, like, name = other, key, t.text(other, "", nil)
			}
			t.check.fault(t.at(written), "a gateway may take one for the other", "want a name of its own, got %s like %s", show(name), like)
		}
		first[FoldHeader(name)] = key
		return http.CanonicalHeaderKey(name)
	}
	return Headers{
		User:     read("user", "Remote-User"),
		Email:    read("email", "Remote-Email"),
		Name:     read("name", "Remote-Name"),
		Groups:   read("groups", "Remote-Groups"),
		Roles:    read("roles", "Remote-Roles"),
		Admin:    read("admin", "Remote-Admin"),
		Provider: read("provider", "Remote-Provider"),
		Client:   read("client", ""),
		Scopes:   read("scopes", ""),
	}
}

// FoldHeader gives what all names have in common that some server takes for one: lower case, with - for _ and for a dot
// (CGI and WSGI turn each of them into the same variable).
func FoldHeader(name string) string {
	folded := []byte(name)
	for i, c := range folded {
		folded[i] = FoldHeaderByte(c)
	}
	return string(folded)
}

// FoldHeaderByte is FoldHeader of one byte, for who compares names without an allocation.
func FoldHeaderByte(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + ('a' - 'A')
	case c == '_' || c == '.':
		return '-'
	}
	return c
}

func headerName(name string) flaw {
	if name == "" {
		return flaw{}
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return flawf("want the name of a header, got %s", show(name))
	}
	folded := FoldHeader(name)
	if isOneOf(folded, takenHeaders) {
		return flaw{"want a header that nothing else uses, got " + show(name), `"Remote-..." and "X-Auth-..." are usual names`}
	}
	for _, prefix := range takenPrefixes {
		if strings.HasPrefix(folded, prefix) {
			return flaw{"want a header that nothing else uses, got " + show(name), `"Remote-..." and "X-Auth-..." are usual names`}
		}
	}
	return flaw{}
}

// takenHeaders have a meaning of their own on the way from client to API. A request that brings an identity header is
// refused, so one that every client sends would also shut everybody out.
var takenHeaders = []string{
	// RFC 9110 7.6.1 and RFC 9112: one hop only
	"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
	"trailers", "transfer-encoding", "upgrade",
	"host", "authorization", "www-authenticate", "cookie", "set-cookie", "forwarded", "via", "x-real-ip",
	"accept", "accept-charset", "accept-encoding", "accept-language", "age", "allow", "cache-control", "date", "etag",
	"expect", "expires", "from", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
	"last-modified", "location", "max-forwards", "origin", "pragma", "range", "referer", "retry-after", "server",
	"user-agent", "vary", "warning",
}

var takenPrefixes = []string{"x-forwarded-", "x-original-", "x-claimd-", "content-", "sec-", "access-control-"}
