package entratest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxKept is how many device codes, authorization codes and refresh tokens each a tenant knows at once; the oldest go.
const maxKept = 1000

// deviceCode is one request of a device (RFC 8628), under the tenant's lock from slower on.
type deviceCode struct {
	code, userCode string
	client         App
	wish           wish
	expires        time.Time

	slower  int      // so many polls more are answered slow_down
	user    *User    // who has signed in; nil = nobody
	refused *refusal // how it ended instead; nil = it has not
}

// deviceCodeEndpoint begins a device code flow.
func (t *Tenant) deviceCodeEndpoint(w http.ResponseWriter, r *http.Request) {
	if !t.readForm(w, r, "devicecode") {
		return
	}
	client, refusal := t.knownClient(r.PostForm.Get("client_id"))
	if refusal != nil {
		t.refuse(w, refusal)
		return
	}
	scope := r.PostForm.Get("scope")
	if scope == "" {
		t.refuse(w, noParameter.with("scope"))
		return
	}
	wish, refusal := t.readWish(client, scope)
	if refusal != nil {
		t.refuse(w, refusal)
		return
	}
	lifetime := cmp.Or(t.directory.DeviceCodeSeconds, 900)
	flow := &deviceCode{
		code:     randomText(60),
		userCode: newUserCode(),
		client:   client,
		wish:     wish,
		expires:  time.Now().Add(time.Duration(lifetime) * time.Second),
	}
	t.mu.Lock()
	t.devices = keep(t.devices, flow)
	t.mu.Unlock()
	page := t.base + "/devicelogin"
	writeJSON(w, http.StatusOK, map[string]any{
		"user_code":        flow.userCode,
		"device_code":      flow.code,
		"verification_uri": page,
		"expires_in":       lifetime,
		"interval":         cmp.Or(t.directory.DeviceCodeInterval, 5),
		"message":          fmt.Sprintf("Open the page %s and enter the code %s to sign in.", page, flow.userCode),
	})
}

// newUserCode gives nine characters that are not easily mistaken for each other.
func newUserCode() string {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // 32 of them: no bias
	random := make([]byte, 9)
	rand.Read(random) // never fails
	for i := range random {
		random[i] = alphabet[random[i]%32]
	}
	return string(random)
}

// keep appends, and lets the oldest go where there are too many.
func keep[T any](kept []T, fresh T) []T {
	if len(kept) >= maxKept {
		kept = slices.Delete(kept, 0, len(kept)-maxKept+1)
	}
	return append(kept, fresh)
}

// UserCodes gives the user codes for which nobody has signed in, declined or been refused yet, the oldest first.
func (t *Tenant) UserCodes() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var codes []string
	for _, flow := range t.devices {
		if flow.waits() == nil {
			codes = append(codes, flow.userCode)
		}
	}
	return codes
}

// waits tells why nobody can sign in for the code any more; nil = somebody can.
func (d *deviceCode) waits() error {
	if d.user != nil || d.refused != nil {
		return fmt.Errorf("the code %q has been used", d.userCode)
	}
	if !time.Now().Before(d.expires) {
		return userCodeExpired.with()
	}
	return nil
}

// SignIn signs the user of that name, or of that e-mail address, in for a user code, as a person does at the
// verification page. The error begins with AADSTS and the number where the tenant refuses, and the device's next poll
// hears the same, unless the directory's RefusesInBrowser keeps it waiting.
func (t *Tenant) SignIn(userCode, user string) error {
	flow, err := t.device(userCode)
	if err != nil {
		return err
	}
	found, refusal := t.admit(flow.client, flow.wish, user, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := flow.waits(); err != nil {
		return err
	}
	if refusal == nil {
		flow.user = &found
		return nil
	}
	if !t.directory.RefusesInBrowser {
		flow.refused = refusal
	}
	return refusal
}

// Decline is what SignIn is of a person who says no.
func (t *Tenant) Decline(userCode string) error {
	return t.change(userCode, func(flow *deviceCode) error {
		err := flow.waits()
		if err == nil {
			flow.refused = deviceDeclined.with()
		}
		return err
	})
}

// SlowDown answers the next polls for that user code with slow_down.
func (t *Tenant) SlowDown(userCode string, polls int) error {
	return t.change(userCode, func(flow *deviceCode) error {
		flow.slower = polls
		return nil
	})
}

// Expire ends the time of that user code.
func (t *Tenant) Expire(userCode string) error {
	return t.change(userCode, func(flow *deviceCode) error {
		flow.expires = time.Now()
		return nil
	})
}

func (t *Tenant) change(userCode string, change func(*deviceCode) error) error {
	flow, err := t.device(userCode)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return change(flow)
}

// device finds what is asked for under that user code, in any case.
func (t *Tenant) device(userCode string) (*deviceCode, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, flow := range t.devices {
		if strings.EqualFold(flow.userCode, strings.TrimSpace(userCode)) {
			return flow, nil
		}
	}
	return nil, fmt.Errorf("no device waits with the code %q", userCode)
}

// redeemDevice is a device's poll.
func (t *Tenant) redeemDevice(caller caller, code string) (signedIn, *refusal) {
	if code == "" {
		return signedIn{}, noField.with("device_code")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.devices, func(flow *deviceCode) bool { return same(flow.code, code) })
	if at < 0 || t.devices[at].client.ApplicationID != caller.ApplicationID {
		return signedIn{}, deviceUnknown.with()
	}
	flow := t.devices[at]
	switch {
	case flow.refused != nil:
		return signedIn{}, flow.refused
	case !time.Now().Before(flow.expires):
		return signedIn{}, deviceExpired.with()
	case flow.slower > 0:
		flow.slower--
		return signedIn{}, deviceSlower.with()
	case flow.user == nil:
		return signedIn{}, devicePending.with()
	}
	t.devices = slices.Delete(t.devices, at, at+1) // a code is good once
	return signedIn{caller: caller, user: *flow.user, wish: flow.wish}, nil
}
