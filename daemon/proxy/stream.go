package proxy

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// askAgain is how often the gate is asked whether a stream may go on.
const askAgain = time.Second

// lasts reports whether an answer is a stream that may outlive what let it in: a connection that was switched to another
// protocol, or server-sent events. Browsers read those whatever parameters stand behind the type, well-formed or not, and
// by the last of several types (fetch.spec.whatwg.org, "extract a MIME type"): here any will do.
func lasts(response *http.Response) bool {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	for _, values := range response.Header["Content-Type"] {
		for value := range strings.SplitSeq(values, ",") {
			kind, _, _ := strings.Cut(value, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

// watch ends the stream once the gate would refuse its request: when the token has expired, when the user was switched
// off, when the configuration or the keys changed so that it is not let in any more; when the provider, asked again once a
// minute, vouches for an opaque token no more, or cannot be asked. It returns when the stream ended.
func (d *door) watch(ctx context.Context, end context.CancelFunc, request access.Request) {
	ticker := time.NewTicker(d.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if !d.gate.Still(ctx, request) {
				end()
				return
			}
		}
	}
}
