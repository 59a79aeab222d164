package proxy

import (
	"context"
	"mime"
	"net/http"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// askAgain is how often the gate is asked whether a stream may go on.
const askAgain = time.Second

// lasts reports whether an answer is a stream that may outlive what let it in: a connection that was switched to another
// protocol, or server-sent events.
func lasts(response *http.Response) bool {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && kind == "text/event-stream"
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
