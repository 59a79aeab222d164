package gateway

import (
	"net"
	"net/http"
	"strings"

	"github.com/claimd/claimd/daemon/access"
)

// extAuthzPrefix is what Envoy puts before the original path (path_prefix of its HTTP ext_authz filter).
const extAuthzPrefix = "/ext_authz"

// extAuthz gives the original request of one at /ext_authz/...: Envoy asks with the client's method, Host and path, the
// query included, and puts the prefix before the path. nil: it is for another path.
func extAuthz(r *http.Request) *access.Original {
	target, ok := strings.CutPrefix(r.RequestURI, extAuthzPrefix)
	if !ok || !strings.HasPrefix(target, "/") {
		return nil
	}
	return &access.Original{Method: r.Method, Host: r.Host, Target: target}
}

// peer tells who asks.
func peer(r *http.Request) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return access.PeerUnix
	}
	return r.RemoteAddr
}
