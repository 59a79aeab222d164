package entratest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// onlyThisHost refuses callers from other hosts: whoever may rotate keys and mint tokens is the tenant's owner. A peer
// without an IP address (a pipe, a unix socket) is this host.
func onlyThisHost(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && !peer.Addr().Unmap().IsLoopback() {
			refuseControl(w, http.StatusForbidden, fmt.Errorf("the control path is for callers on this host, not for %s", peer.Addr()))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		serve(w, r)
	}
}

func refuseControl(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// mintEndpoint mints a token for a user, or without user for the client itself.
func (t *Tenant) mintEndpoint(w http.ResponseWriter, r *http.Request) {
	if _, ok := t.begin(w, r, "mint"); !ok {
		return
	}
	request, err := readMintForm(r)
	if err != nil {
		refuseControl(w, http.StatusBadRequest, err)
		return
	}
	token, err := t.issue(request, issuance{})
	if err != nil {
		refuseControl(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusOK, token.answer(2))
}

// readMintForm reads the form of the mint. lifetime and issued_ago are durations such as 8h or -1m.
func readMintForm(r *http.Request) (Request, error) {
	if err := r.ParseForm(); err != nil {
		return Request{}, fmt.Errorf("the form cannot be read: %w", err)
	}
	if err := onlyKnown(r.PostForm); err != nil {
		return Request{}, err
	}
	request := Request{
		API:    r.PostForm.Get("api"),
		Client: r.PostForm.Get("client"),
		User:   r.PostForm.Get("user"),
		Scopes: r.PostForm.Get("scope"),
	}
	version, err := strconv.Atoi(cmp.Or(r.PostForm.Get("version"), "0"))
	if err != nil || version < 0 || version > 2 {
		return Request{}, fmt.Errorf("version: want 1 or 2, got %q", r.PostForm.Get("version"))
	}
	request.Version = version
	if request.Lifetime, err = formDuration(r.PostForm, "lifetime"); err != nil {
		return Request{}, err
	}
	ago, err := formDuration(r.PostForm, "issued_ago")
	if err != nil {
		return Request{}, err
	}
	request.Issued = time.Now().Add(-ago)
	return request, nil
}

// onlyKnown refuses a misspelt field: a token other than the one asked for would puzzle more.
func onlyKnown(form url.Values) error {
	known := map[string]bool{"user": true, "client": true, "api": true, "scope": true, "version": true,
		"lifetime": true, "issued_ago": true}
	for name := range form {
		if !known[name] {
			return fmt.Errorf("unknown field %q: want user, client, api, scope, version, lifetime, issued_ago", name)
		}
	}
	return nil
}

func formDuration(form url.Values, name string) (time.Duration, error) {
	text := form.Get(name)
	if text == "" {
		return 0, nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: want a duration such as 90m, got %q", name, text)
	}
	return duration, nil
}

// rotateEndpoint makes a new key, with ?api=ID one for the tokens of that API alone.
func (t *Tenant) rotateEndpoint(w http.ResponseWriter, r *http.Request) {
	applicationID := r.URL.Query().Get("api")
	if _, ok := t.api(applicationID); applicationID != "" && (!ok || !entra.IsGUID(applicationID)) {
		refuseControl(w, http.StatusNotFound, fmt.Errorf("api: want the application id of an API, got %q", applicationID))
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"kid": t.RotateFor(applicationID)})
}

func (t *Tenant) removeEndpoint(w http.ResponseWriter, r *http.Request) {
	keyID := r.URL.Query().Get("kid")
	if !t.remove(keyID) {
		refuseControl(w, http.StatusNotFound, fmt.Errorf("the tenant has no key %q", keyID))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": t.KeyIDs()})
}

// faultsJSON is Faults as the control path takes and shows them.
type faultsJSON struct {
	Status       int    `json:"status"`
	Delay        string `json:"delay"` // such as 2s; "" = none
	ShuffleKeys  bool   `json:"shuffle_keys"`
	ExtraMembers bool   `json:"extra_members"`
	HalfV1       bool   `json:"half_v1"`
	Refuse       int    `json:"refuse,omitempty"`
	RefuseAt     string `json:"refuse_at,omitempty"`
}

// faultsEndpoint replaces all faults: {} makes the tenant behave again.
func (t *Tenant) faultsEndpoint(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	var asked faultsJSON
	if err := decoder.Decode(&asked); err != nil {
		refuseControl(w, http.StatusBadRequest, fmt.Errorf(`want JSON such as {"status":503,"delay":"2s","half_v1":true}: %w`, err))
		return
	}
	if asked.Status != 0 && (asked.Status < 200 || asked.Status > 599) {
		refuseControl(w, http.StatusBadRequest, fmt.Errorf("status: want 200 to 599, or 0 for none, got %d", asked.Status))
		return
	}
	delay, err := time.ParseDuration(cmp.Or(asked.Delay, "0s"))
	if err != nil || delay < 0 {
		refuseControl(w, http.StatusBadRequest, fmt.Errorf("delay: want a duration such as 2s, got %q", asked.Delay))
		return
	}
	if !slices.Contains([]string{"", "token", "devicecode", "authorize"}, asked.RefuseAt) {
		refuseControl(w, http.StatusBadRequest, fmt.Errorf("refuse_at: want token, devicecode or authorize, got %q", asked.RefuseAt))
		return
	}
	t.SetFaults(Faults{
		Status:       asked.Status,
		Delay:        delay,
		ShuffleKeys:  asked.ShuffleKeys,
		ExtraMembers: asked.ExtraMembers,
		HalfV1:       asked.HalfV1,
		Refuse:       asked.Refuse,
		RefuseAt:     asked.RefuseAt,
	})
	writeJSON(w, http.StatusOK, t.currentFaults().json())
}

func (f Faults) json() faultsJSON {
	return faultsJSON{f.Status, f.Delay.String(), f.ShuffleKeys, f.ExtraMembers, f.HalfV1, f.Refuse, f.RefuseAt}
}

// showAll tells what there is, secrets of clients left out.
func (t *Tenant) showAll(w http.ResponseWriter, _ *http.Request) {
	named := make(map[string][]map[string]string)
	for _, api := range t.directory.APIs {
		named["apis"] = append(named["apis"], map[string]string{"name": api.Name, "application_id": api.ApplicationID})
	}
	for _, client := range t.directory.Clients {
		named["clients"] = append(named["clients"], map[string]string{"name": client.Name, "application_id": client.ApplicationID})
	}
	for _, user := range t.directory.Users {
		named["users"] = append(named["users"], map[string]string{"name": user.Name, "object_id": user.ObjectID})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_id": t.directory.TenantID,
		"issuers":   []string{t.Issuer(1), t.Issuer(2)},
		"apis":      named["apis"],
		"clients":   named["clients"],
		"users":     named["users"],
		"keys":      t.KeyIDs(),
		"faults":    t.currentFaults().json(),
	})
}
