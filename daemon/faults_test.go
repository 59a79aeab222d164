package daemon

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// FAULTS 38 (CVE-2025-22149): Microsoft takes a stolen key out of its set. What it signed is refused from the next fetch
// on, which an administrator need not wait for, and a token whose identity was kept is no exception.
func TestATokenOfARemovedKeyIsRefusedAfterKeysRefresh(t *testing.T) {
	s := newSiteAlone(t)
	s.write(s.toml())
	s.start()
	stolen := s.token()
	s.wantAnswer(stolen, adaAnalyst)
	old := s.tenant.KeyIDs()
	s.tenant.Rotate()
	for _, id := range old {
		s.tenant.Remove(id)
	}
	if got := s.ask(stolen); got != adaAnalyst {
		t.Fatalf("before the refresh: %s", got)
	}
	results, err := s.admin.RefreshKeys(t.Context(), "contoso")
	mustDo(t, err)
	if len(results) != 1 || results[0].Problem != "" {
		t.Fatalf("keys refresh: %+v", results)
	}
	if got := s.ask(stolen); got != "401 key" {
		t.Errorf("a token of the removed key: %s, want 401 key", got)
	}
	if got := s.ask(s.token()); got != adaAnalyst {
		t.Errorf("a token of the new key: %s", got)
	}
}

// FAULTS 134: more happened in a directory than the kernel's queue holds, and nobody knows what. claimd looks.
func TestAnOverflowOfInotifyIsAReasonToLook(t *testing.T) {
	s := newSite(t)
	opened := make(chan *fsnotify.Watcher, 1)
	s.watcher = func() (*fsnotify.Watcher, error) {
		watcher, err := fsnotify.NewWatcher()
		opened <- watcher
		return watcher, err
	}
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	watcher := <-opened
	s.wantNoReload(1)                               // it is armed now, and the look after that is over
	for _, directory := range watcher.WatchList() { // from now on no event comes
		mustDo(t, watcher.Remove(directory))
	}
	s.write(s.withOperators())
	s.wantNoReload(1)
	watcher.Errors <- fsnotify.ErrEventOverflow
	s.wantAnswer(token, adaBoth)
}

// FAULTS 181: a debug door that somebody left open shows memory and command lines to the whole network. The public doors
// answer four paths and no other, whoever asks; what administrators ask for is on their socket alone.
func TestThePublicDoorsHaveNoOtherRooms(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	for _, path := range []string{
		"/", "/debug", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug/requests", "/metrics", "/status",
		"/v1/status", "/v1/denials", "/v1/denials/follow", "/v1/explain", "/v1/keys", "/v1/keys/refresh", "/v1/reload", "/config", "/.well-known/x",
		"/healthz", "/version", "/auth/", "/whoami/", "/livez/", "/server-status",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, err := http.NewRequestWithContext(t.Context(), method, "http://claimd"+path, http.NoBody)
			mustDo(t, err)
			request.Header.Set("Authorization", "Bearer "+token)
			response, err := s.http.Do(request)
			mustDo(t, err)
			body, err := io.ReadAll(response.Body)
			mustDo(t, err, response.Body.Close())
			if response.StatusCode != http.StatusNotFound || string(body) != `{"error":"not_found"}`+"\n" {
				t.Errorf("%s %s: %d %s", method, path, response.StatusCode, body)
			}
		}
	}
}

// The other way round: nothing of the public doors is answered on the administrators' socket.
func TestTheAdminSocketJudgesNoRequests(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	client := socketClient(t, filepath.Join(s.dir, "run/admin.sock"))
	for _, path := range []string{"/auth", "/whoami", "/livez", "/readyz", "/debug/pprof/"} {
		response, err := client.Get("http://claimd" + path)
		mustDo(t, err)
		body, err := io.ReadAll(response.Body)
		mustDo(t, err, response.Body.Close())
		if response.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "nothing of that kind") {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
	if got := s.status().Counts; got.Allowed != 0 || len(got.Denied) != 0 {
		t.Errorf("a request was judged: %+v", got)
	}
}
