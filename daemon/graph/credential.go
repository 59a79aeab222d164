package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/claimd/claimd/daemon/entra"
)

// host reads Options.Host.
func (o Options) host() (*url.URL, error) {
	host, err := url.Parse(o.Host)
	if err != nil || host.Scheme != "https" || host.Host == "" || o.Host != "https://"+host.Host {
		return nil, fmt.Errorf("host of Microsoft Graph: want https://HOST, got %s", quote(o.Host))
	}
	return host, nil
}

// credential gets claimd's own tokens for Graph through MSAL, which keeps them in memory while they last. It asks for one at
// a time.
type credential struct {
	authority string // with the tenant
	clientID  string
	scope     string
	proof     confidential.Credential
	line      *line

	turn   chan struct{}          // held by who uses what follows
	client confidential.Client    // with its cache
	given  string                 // the last token
	poor   atomic.Pointer[string] // a token that lacked a permission
}

// newCredential reads the app credential.
func newCredential(o Options, client *http.Client) (*credential, error) {
	authority, err := url.Parse(o.Authority)
	if err != nil || authority.Scheme != "https" || authority.Host == "" || o.Authority != "https://"+authority.Host {
		return nil, fmt.Errorf("authority: want https://HOST for the app credential's tokens, got %s", quote(o.Authority))
	}
	tenant, ok := entra.GUID(o.Tenant)
	if !ok {
		return nil, fmt.Errorf("tenant: want a GUID, got %s", quote(o.Tenant))
	}
	clientID, ok := entra.GUID(o.ClientID)
	if !ok {
		return nil, fmt.Errorf("client ID: want a GUID, got %s", quote(o.ClientID))
	}
	proof, err := o.proof()
	if err != nil {
		return nil, err
	}
	c := &credential{
		authority: o.Authority + "/" + tenant,
		clientID:  clientID,
		scope:     o.Host + "/.default",
		proof:     proof,
		line:      &line{client: client, host: authority.Host},
		turn:      make(chan struct{}, 1),
	}
	return c, c.forget()
}

// proof reads the secret or the certificate. No error holds anything of either.
func (o Options) proof() (confidential.Credential, error) {
	switch {
	case o.Secret != "" && o.Certificate != "":
		return confidential.Credential{}, errors.New("app credential: want a client secret or a certificate, got both")
	case o.Secret != "" && strings.TrimSpace(o.Secret) != o.Secret:
		return confidential.Credential{}, errors.New("client secret: want the value alone, got blanks or line breaks around it")
	case o.Secret != "":
		return confidential.NewCredFromSecret(o.Secret)
	case o.Certificate == "":
		return confidential.Credential{}, errors.New("app credential: want a client secret or a certificate, got neither")
	}
	certificates, private, err := confidential.CertFromPEM([]byte(o.Certificate), "")
	if err != nil {
		return confidential.Credential{}, fmt.Errorf("client certificate: want a certificate and its private key in PEM form: %w", err)
	}
	proof, err := confidential.NewCredFromCert(certificates, private)
	if err != nil {
		return confidential.Credential{}, fmt.Errorf("client certificate: %w", err)
	}
	return proof, nil
}

// forget begins with an empty cache. MSAL would read a region from the environment, which is not read.
func (c *credential) forget() error {
	client, err := confidential.New(c.authority, c.clientID, c.proof, confidential.WithHTTPClient(c.line),
		confidential.WithInstanceDiscovery(false), confidential.WithAzureRegion("DisableMsalForceRegion"))
	if err != nil {
		return fmt.Errorf("app credential: %w", err)
	}
	c.client = client
	return nil
}

// lacks says that the token lacks a permission: the next one is new, so that a permission that is granted now helps before
// the token ends.
func (c *credential) lacks(token string) { c.poor.Store(&token) }

// token gives a token for Graph: the one that is kept, but never the one that Graph refused. "" = none was.
func (c *credential) token(ctx context.Context, refused string) (string, *Unavailable) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return "", &Unavailable{Kind: Timeout, Problem: "no token of claimd's own came in time"}
	}
	defer func() { <-c.turn }()
	if poor := c.poor.Load(); c.given != "" && (c.given == refused || poor != nil && c.given == *poor) {
		if err := c.forget(); err != nil {
			return "", &Unavailable{Kind: Credential, Problem: err.Error()}
		}
	}
	c.line.heard = heard{}
	result, err := c.client.AcquireTokenByCredential(ctx, []string{c.scope})
	if err != nil {
		return "", c.line.heard.problem(c.clientID)
	}
	c.given = result.AccessToken
	return result.AccessToken, nil
}

// unverifiedRoles gives the app permissions in claimd's own token, for words to administrators alone: Graph's tokens are no
// business of others. nil = they cannot be read.
func unverifiedRoles(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	return claims.Roles
}
