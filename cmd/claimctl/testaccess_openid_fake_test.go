package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
)

// answer is one answer of a crooked provider; status 0 is 200.
type answer struct {
	status int
	body   string
}

// crooked is a provider that answers as a test wants: each path in turn, the last answer again and again.
type crooked struct {
	server   *httptest.Server
	document map[string]any // members to replace; nil leaves one out
	answers  map[string][]answer
	giveUp   bool // the person does, once the waiting begins

	mu    sync.Mutex
	asked []question
}

// question is what a crooked provider was asked.
type question struct {
	path     string
	form     url.Values
	id, word string // of Authorization: Basic
}

const (
	aDeviceCode = "the-device-code-GmRhmhcxhwAzkoEqiMEg"
	aSecret     = "hush hush/+"
	aToken      = "mF_9.B5f-4.1JqM-access"
	aCode       = `{"device_code":"` + aDeviceCode + `","user_code":"WDJB-MJHT","verification_uri":"https://idp.contoso.example/device","expires_in":600,"interval":1}`
	aGoodToken  = `{"access_token":"` + aToken + `","token_type":"bearer"}`
)

func newCrooked(t *testing.T, answers map[string][]answer) *crooked {
	t.Helper()
	c := &crooked{answers: answers}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

func (c *crooked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch base := c.server.URL; r.URL.Path {
	case "/.well-known/openid-configuration":
		document := map[string]any{"issuer": base, "jwks_uri": base + "/jwks", "token_endpoint": base + "/token",
			"device_authorization_endpoint": base + "/device", "authorization_endpoint": base + "/authorize"}
		maps.Copy(document, c.document)
		maps.DeleteFunc(document, func(_ string, value any) bool { return value == nil })
		_ = json.NewEncoder(w).Encode(document)
	case "/jwks":
		_, _ = io.WriteString(w, aKeySet())
	default:
		_ = r.ParseForm()
		asked := question{path: r.URL.Path, form: r.PostForm}
		asked.id, asked.word, _ = r.BasicAuth()
		c.mu.Lock()
		c.asked = append(c.asked, asked)
		list := c.answers[r.URL.Path]
		now := list[0]
		if len(list) > 1 {
			c.answers[r.URL.Path] = list[1:]
		}
		c.mu.Unlock()
		if now.status/100 == 3 {
			w.Header().Set("Location", c.server.URL+"/elsewhere")
		}
		if now.status == -1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(max(now.status, 200))
		_, _ = io.WriteString(w, now.body)
	}
}

// questions gives what was asked so far.
func (c *crooked) questions() []question {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// aKeySet makes a key set with one key, which nothing is signed with.
func aKeySet() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return ""
	}
	half := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","x":%q,"y":%q}]}`, half(point[1:33]), half(point[33:]))
}

// signedIn is how a sign-in at a crooked provider ended.
type signedIn struct {
	token  string
	err    error
	told   string // on the screen
	ending ending // where there is no token
	text   string // all that is printed of it: as text and as JSON
}

// signIn signs in there as test-access does. browse acts on the address of the browser's sign-in.
func (c *crooked) signIn(t *testing.T, a accessTest, browse func(address string)) signedIn {
	t.Helper()
	client, err := keys.NewClient(keys.Outbound{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	provider := &config.Provider{Name: "jumpcloud", Kind: config.KindOIDC, Issuer: c.server.URL, Audiences: []string{"urn:contoso:reports"}}
	a.clientID = "desk"
	w := a.newWalk(provider)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := &toldScreen{browse: browse}
	if c.giveUp {
		told.waited = cancel
	}
	s := &signIn{provider: provider, client: client, clientID: a.clientID, scope: w.Scope, screen: &screen{out: told}, openID: &openID{
		source: keys.Source{Name: "jumpcloud", Issuer: c.server.URL}, resource: a.resource, audience: a.audience, redirectURI: a.redirectURI,
	}}
	if a.secretFile != "" {
		s.secret = aSecret
	}
	result := signedIn{}
	result.token, result.err = s.token(ctx, a.method)
	told.done.Wait()
	result.told = told.text()
	w.SignIn, _ = result.err.(*failedSignIn)
	if w.SignIn == nil {
		return result
	}
	w.WithoutToken = &apiAnswer{Status: 401}
	result.ending = w.ends()
	w.Ending, w.Sentence = result.ending.name, result.ending.text
	facts, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	result.text = walkText(w, marks{}, time.Now()) + string(facts)
	return result
}

// toldScreen is a screen on which an address may appear that a browser goes to.
type toldScreen struct {
	mu     sync.Mutex
	all    bytes.Buffer
	browse func(string)
	waited func()
	done   sync.WaitGroup
}

func (s *toldScreen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Write(text)
	if s.waited != nil && bytes.HasPrefix(text, []byte("waiting")) {
		s.waited()
	}
	if found := regexp.MustCompile(`(http://127\.0\.0\.1:\d+/authorize\S+)`).Find(text); found != nil && s.browse != nil {
		address := string(found)
		s.done.Go(func() { s.browse(address) })
	}
	return len(text), nil
}

func (s *toldScreen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// wantNothingSecret fails where a text holds what nobody may see.
func wantNothingSecret(t *testing.T, texts ...string) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("desk:" + url.QueryEscape(aSecret)))
	for _, text := range texts {
		if strings.Contains(text, "\x1b") {
			t.Errorf("an escape of the provider's was told: %q", text)
		}
		for _, secret := range []string{aDeviceCode, aSecret, url.QueryEscape(aSecret), basic, aToken, "a-browser-code"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q was told:\n%s", secret, text)
			}
		}
	}
}
