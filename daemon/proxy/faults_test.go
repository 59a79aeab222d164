package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/claimd/claimd/daemon/access"
)

// FAULTS 135: between the verdict and the upstream a reload names another upstream and other headers. What was judged by
// the one configuration is passed on by it.
func TestAReloadBetweenVerdictAndUpstreamChangesNothing(t *testing.T) {
	answering := func(name string) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s", name, r.Header.Get("Remote-Groups"))
		}))
		t.Cleanup(server.Close)
		return server
	}
	first, second := answering("first"), answering("second")
	gate := newGate(t, towards(first.URL))
	d := Handler(gate, nil).(*door)
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+mint(t, "reader"))
	decision := gate.Decide(t.Context(), access.Request{Header: request.Header, Strips: true})
	if !decision.Allowed() {
		t.Fatalf("refused: %q", decision.Reason)
	}
	gate.Swap(newGate(t, towards(second.URL)).Snapshot())
	w := httptest.NewRecorder()
	d.pass(w, request, &decision)
	if got := w.Body.String(); got != "first Analysts" {
		t.Errorf("answered by %q, want the upstream of the configuration that judged", got)
	}
	d.upstreams.find(first.URL).transport.CloseIdleConnections()
}
