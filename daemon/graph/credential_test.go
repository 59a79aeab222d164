package graph

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

func TestWhatCannotBeRightIsSaidAtOnce(t *testing.T) {
	certificate, private := newCertificate(t)
	_, another := newCertificate(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	pemOf := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	with := func(pem string) func(*Options) {
		return func(o *Options) { o.Secret, o.Certificate = "", pem }
	}
	const wantPEM = "client certificate: want a certificate and its private key in PEM form: "
	tests := []struct {
		name   string
		change func(*Options)
		want   string // "" = right
	}{
		{"a secret", func(*Options) {}, ""},
		{"a certificate", with(certificate + private), ""},
		{"the key first", with(private + certificate), ""},
		{"neither", with(""), "app credential: want a client secret or a certificate, got neither"},
		{"both", func(o *Options) { o.Certificate = certificate + private }, "app credential: want a client secret or a certificate, got both"},
		{"a line break behind the secret", func(o *Options) { o.Secret += "\n" }, "client secret: want the value alone, got blanks or line breaks around it"},
		{"a certificate without key", with(certificate), wantPEM + "no private key found"},
		{"a key without certificate", with(private), wantPEM + "no certificates found"},
		{"no PEM", with("secret"), wantPEM + "no certificates found"},
		{"another's key", with(certificate + another), "client certificate: key doesn't match any certificate"},
		{"an EC key", with(certificate + pemOf("PRIVATE KEY", der)), "client certificate: key must be an RSA key"},
		{"half a key", with(certificate + pemOf("PRIVATE KEY", der[:20])), wantPEM + "could not decode private key: asn1: syntax error: data truncated"},
		{"no host", func(o *Options) { o.Host = "" }, `host of Microsoft Graph: want https://HOST, got ""`},
		{"a host by http", func(o *Options) { o.Host = "http://graph.microsoft.com" }, `host of Microsoft Graph: want https://HOST, got "http://graph.microsoft.com"`},
		{"a host with a path", func(o *Options) { o.Host = "https://graph.microsoft.com/" }, `host of Microsoft Graph: want https://HOST, got "https://graph.microsoft.com/"`},
		{"a host with a user", func(o *Options) { o.Host = "https://a@graph.microsoft.com" }, `host of Microsoft Graph: want https://HOST, got "https://a@graph.microsoft.com"`},
		{"a bare host", func(o *Options) { o.Host = "graph.microsoft.com" }, `host of Microsoft Graph: want https://HOST, got "graph.microsoft.com"`},
		{"an authority by http", func(o *Options) { o.Authority = "http://127.0.0.1:4190" }, `authority: want https://HOST for the app credential's tokens, got "http://127.0.0.1:4190"`},
		{"an authority with a path", func(o *Options) { o.Authority = "https://login.example/entra" }, `authority: want https://HOST for the app credential's tokens, got "https://login.example/entra"`},
		{"no tenant", func(o *Options) { o.Tenant = "common" }, `tenant: want a GUID, got "common"`},
		{"no application", func(o *Options) { o.ClientID = "" }, `client ID: want a GUID, got ""`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := Options{Host: "https://graph.microsoft.com", Authority: "https://login.microsoftonline.com", Tenant: tenantID, Client: new(http.Client),
				ClientID: askerID, Secret: secret}
			test.change(&options)
			g, err := New(options)
			got := ""
			if err != nil {
				got = err.Error()
			} else if g.timeout != 5*time.Second || g.turn != time.Second || g.cache != 5*time.Minute || cap(g.turns) != 64 {
				t.Errorf("got the limits %s, %s, %s and %d", g.timeout, g.turn, g.cache, cap(g.turns))
			}
			if got != test.want {
				t.Errorf("want %s\ngot  %s", test.want, got)
			}
			if strings.Contains(got, secret) {
				t.Error("the error holds the secret")
			}
		})
	}
}

// newCertificate makes a certificate and its key, as PEM.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "claimd"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestACertificateProvesTheApplicationToo(t *testing.T) {
	certificate, private := newCertificate(t)
	directory := contoso()
	directory.Clients[0].Secret, directory.Clients[0].Certificates = "", []string{certificate}
	s := newSite(t, directory)
	g := s.graph(t, func(o *Options) { o.Secret, o.Certificate = "", certificate+private })
	tells(t, g, lovelace, about(t, analysts, auditors), analysts)
}

// FAULTS 107: Graph refuses the token in the middle. A new one is asked for once, and the question goes on where it was.
func TestATokenThatEndsInTheMiddleIsRenewedOnce(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	tells(t, g, turing, about(t, analysts), analysts)
	s.ExpireGraphTokens()
	tells(t, g, lovelace, about(t, append(fillers(40), analysts)...), analysts) // three calls at once
	if got := s.Requests("token"); got != 2 {
		t.Errorf("want two tokens, got %d", got)
	}
	pages := 0
	s.SetGraphFaults(entratest.GraphFaults{PageSize: 50, Rewrite: func(_ string, body []byte) []byte {
		if pages++; pages == 2 {
			s.ExpireGraphTokens()
		}
		return body
	}})
	before := s.Requests("graph")
	tells(t, g, lovelace, about(t, append(fillers(60), analysts)...), analysts)
	if got, tokens := s.Requests("graph")-before, s.Requests("token"); got != 6 || tokens != 3 {
		t.Errorf("want five pages and one refused call, three tokens in all, got %d calls and %d tokens", got, tokens)
	}
}

// FAULTS 107: a secret that Entra does not take any more is named with its code and what mends it, without a loop; the
// next configuration's secret works.
func TestASecretThatIsWrongOrExpiredIsNamed(t *testing.T) {
	directory := contoso()
	directory.Clients[0].ExpiredSecrets = []string{"of-last-year"}
	s := newSite(t, directory)
	q := about(t, analysts)
	const mend = "Entra admin center > App registrations > "
	tests := []struct{ name, secret, want string }{
		{"wrong", "not-it", "AADSTS7000215"},
		{"expired", "of-last-year", "AADSTS7000222"},
	}
	for _, test := range tests {
		g := s.graph(t, func(o *Options) { o.Secret = test.secret })
		before := s.Requests("token")
		_, err := g.Memberships(t.Context(), lovelace, q)
		status := g.Status()
		if err == nil || status.Kind != Credential || !strings.HasPrefix(status.Problem, "Entra gives claimd's application no token: "+test.want+", ") ||
			!strings.Contains(status.Hint, mend) || strings.Contains(err.Error(), test.secret) {
			t.Errorf("%s: got %v", test.name, err)
		}
		if got := s.Requests("token") - before; got != 1 || s.Requests("graph") != 0 {
			t.Errorf("%s: want one token request and no call, got %d", test.name, got)
		}
	}
	tells(t, s.graph(t), lovelace, q, analysts)
}

// The secret is taken away while claimd runs: answers hold to their end, then the next look-up says what is wrong.
func TestASecretThatIsTakenAwayWhileClaimdRuns(t *testing.T) {
	s := theSite(t)
	c := newClock()
	g := s.graph(t, c.use)
	q := about(t, analysts)
	tells(t, g, lovelace, q, analysts)
	s.ExpireGraphTokens()
	s.SetFaults(entratest.Faults{Refuse: 7000222, RefuseAt: "token"})
	tells(t, g, lovelace, q, analysts)
	c.pass(5 * time.Minute)
	_, err := g.Memberships(t.Context(), lovelace, q)
	if status := g.Status(); err == nil || status.Kind != Credential || !strings.Contains(status.Problem, "AADSTS7000222") {
		t.Errorf("got %v", err)
	}
	s.SetFaults(entratest.Faults{})
	tells(t, g, lovelace, q, analysts)
}

// What else the authority can answer.
func TestAnAuthorityInTrouble(t *testing.T) {
	s := theSite(t)
	q := about(t, analysts)
	tests := []struct {
		name   string
		faults entratest.Faults
		kind   Kind
		want   string
	}{
		{"503", entratest.Faults{Status: 503}, Server, "the authority gives no token: status 503"},
		{"429", entratest.Faults{Status: 429}, Throttled, "the authority gives no token now: too many requests (429)"},
		{"302", entratest.Faults{Status: 302}, Garbled, "the authority answers with a redirect (302): it is not followed"},
		{"no document", entratest.Faults{Rewrite: func(string, []byte) []byte { return []byte("{}") }}, Garbled,
			"the authority's document or its answer is not one that a token can be taken from"},
		{"a huge document", entratest.Faults{Rewrite: func(string, []byte) []byte { return make([]byte, maxTokenBody+1) }}, Network,
			"the authority's answer did not come whole: more than 1 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := s.graph(t)
			s.SetFaults(test.faults)
			fails(t, g, lovelace, q, test.kind, "microsoft graph: "+test.want)
		})
	}
}

func TestTwoOptionsAreEqualWhereTheyLeadToTheSameGraph(t *testing.T) {
	a := Options{Host: "https://a", Authority: "https://b", Tenant: tenantID, ClientID: askerID, Secret: secret, Cache: time.Minute}
	changes := map[string]func(*Options){
		"host": func(o *Options) { o.Host += "x" }, "authority": func(o *Options) { o.Authority += "x" }, "tenant": func(o *Options) { o.Tenant = apiID },
		"client": func(o *Options) { o.ClientID = otherID }, "secret": func(o *Options) { o.Secret += "x" },
		"certificate": func(o *Options) { o.Certificate = "x" }, "cache": func(o *Options) { o.Cache++ },
	}
	same := a
	same.Now, same.Client = time.Now, http.DefaultClient
	if !a.Equal(same) {
		t.Error("want clock and client to be no difference")
	}
	for name, change := range changes {
		b := a
		if change(&b); a.Equal(b) {
			t.Errorf("want another %s to be a difference", name)
		}
	}
}
