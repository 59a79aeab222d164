package proxy

import (
	"cmp"
	"net/http"

	"github.com/claimd/claimd/daemon/access"
)

// original gives the request that the API would get, for routes. A client may write a whole address as its target; then
// Host is the one of the address (RFC 9112 section 3.2.2).
func original(r *http.Request) *access.Original {
	target := r.RequestURI
	if path, ok := rawPath(target); ok {
		target = cmp.Or(path, "/")
	}
	return &access.Original{Method: r.Method, Host: r.Host, Target: target}
}
