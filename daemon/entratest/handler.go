package entratest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Handler serves documents, keys, the OAuth endpoints and, to this host alone, sign-ins, rotation and faults.
func (t *Tenant) Handler() http.Handler {
	mux := http.NewServeMux()
	for version, below := range map[int]string{1: "", 2: "/v2.0"} {
		mux.HandleFunc("GET /{tenant}"+below+"/.well-known/openid-configuration", t.public(
			fmt.Sprintf("v%d document", version), func(r *http.Request, faults Faults) any {
				return t.document(version, r.URL.Query().Get("appid"), faults)
			}))
		mux.HandleFunc("GET /{tenant}/discovery"+below+"/keys", t.public(
			fmt.Sprintf("v%d keys", version), func(r *http.Request, faults Faults) any {
				return t.keySet(version, r.URL.Query().Get("appid"), faults)
			}))
		mux.HandleFunc("POST /{tenant}/oauth2"+below+"/token", t.token(version))
	}
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", t.deviceCodeEndpoint)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", t.authorizePage)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/authorize", onlyThisHost(t.authorizeForm))
	t.handleGraph(mux)
	mux.HandleFunc("GET /devicelogin", onlyThisHost(t.deviceLoginPage))
	mux.HandleFunc("POST /devicelogin", onlyThisHost(t.deviceLoginForm))
	mux.HandleFunc("POST /{tenant}/fakeentra/mint", onlyThisHost(t.mintEndpoint))
	mux.HandleFunc("GET /fakeentra/{$}", onlyThisHost(t.showAll))
	mux.HandleFunc("POST /fakeentra/rotate", onlyThisHost(t.rotateEndpoint))
	mux.HandleFunc("POST /fakeentra/remove", onlyThisHost(t.removeEndpoint))
	mux.HandleFunc("POST /fakeentra/faults", onlyThisHost(t.faultsEndpoint))
	return mux
}

// public serves a document or a key set, with the faults of the moment.
func (t *Tenant) public(what string, content func(*http.Request, Faults) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		faults, ok := t.begin(w, r, what)
		if !ok {
			return
		}
		if faults.Status != 0 {
			writeJSON(w, faults.Status, t.oauthError(faultAsked.with(faults.Status)))
			return
		}
		body, err := json.Marshal(content(r, faults))
		if err != nil {
			panic(err) // maps of strings and lists: there is nothing that could fail
		}
		if faults.Rewrite != nil {
			body = faults.Rewrite(what, body)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=86400, private")
		_, _ = w.Write(body) // the client is gone: nobody is left to tell
	}
}

// begin counts the request and waits as the faults say. It answers, and reports false, where the path names another
// tenant or the client has gone.
func (t *Tenant) begin(w http.ResponseWriter, r *http.Request, what string) (Faults, bool) {
	t.mu.Lock()
	t.requests[what]++
	if r.URL.Query().Has("appid") {
		t.requests[what+" appid"]++
	}
	faults := t.faults
	t.mu.Unlock()
	if !wait(r.Context(), faults.Delay) {
		return faults, false
	}
	if name := r.PathValue("tenant"); !strings.EqualFold(name, t.directory.TenantID) {
		t.refuse(w, noSuchTenant.with(name))
		return faults, false
	}
	return faults, true
}

// wait reports false where the context ended before the time was over.
func wait(ctx context.Context, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // the client is gone: nobody is left to tell
}
