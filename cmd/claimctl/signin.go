package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// signIn gets an access token as a client application does: from Entra ID through Microsoft's own library (MSAL), from
// any other provider as signin_openid.go says. What it gets stays in memory: MSAL is given no cache of its own to write
// to.
type signIn struct {
	provider *config.Provider
	client   *http.Client // reaches the tenant as [outbound] says
	clientID string
	scope    string
	secret   string // for client credentials; "" = certificate
	pem      []byte // certificate and key, for client credentials
	screen   *screen
	openID   *openID // what else is asked of a provider that is not Entra ID; nil of Entra ID
}

// failedSignIn is why there is no token. Its texts hold nothing secret, but are not fit for a terminal yet.
type failedSignIn struct {
	Kind        string `json:"kind"`                  // one of the constants below
	Code        int    `json:"aadsts,omitempty"`      // Entra's number
	OAuthError  string `json:"error,omitempty"`       // RFC 6749 section 5.2, RFC 8628 section 3.5
	Description string `json:"description,omitempty"` // the provider's own words
	Problem     string `json:"problem,omitempty"`     // what else is known
}

// The kinds of failedSignIn.
const (
	signInRefused     = "refused"     // the provider says no; Code says why, where there is one
	signInDeclined    = "declined"    // the person at the browser said no
	signInExpired     = "expired"     // nobody signed in in time
	signInUnreachable = "unreachable" // no answer
	signInStrange     = "strange"     // an answer that makes no sense
	signInAddress     = "address"     // the address to sign in at is not safe to open
	signInPlain       = "plain"       // the authority is not https
	signInCredential  = "credential"  // secret or certificate cannot be used

	// Of providers that are not Entra ID.
	signInDocument   = "document"    // the discovery document cannot be had
	signInNotOffered = "not_offered" // the discovery document names no such endpoint
	signInPort       = "port"        // nothing can listen where the browser comes back to
)

func (f *failedSignIn) Error() string { return "no token: " + f.Kind }

// token signs in by the method and gives the access token. The error is a *failedSignIn, or the context's where the
// person gave up.
func (s *signIn) token(ctx context.Context, method string) (string, error) {
	if s.openID != nil {
		return s.openIDToken(ctx, method)
	}
	if !strings.HasPrefix(s.provider.AuthorityURL(), "https://") {
		return "", &failedSignIn{Kind: signInPlain, Problem: s.provider.AuthorityURL()}
	}
	line := newTenantLine(s.client, s.provider.AuthorityURL(), s.screen)
	var token string
	var err error
	switch method {
	case methodDevice:
		token, err = s.byDeviceCode(ctx, line)
	case methodBrowser:
		token, err = s.byBrowser(ctx, line)
	default:
		token, err = s.byCredentials(ctx, line)
	}
	switch {
	case err == nil && token != "":
		return token, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	if failed, ok := errors.AsType[*failedSignIn](err); ok {
		return "", failed
	}
	return "", s.withoutSecret(line.failure(err))
}

// authority is the tenant's address as MSAL wants it.
func (s *signIn) authority() string { return s.provider.AuthorityURL() + "/" + s.provider.TenantID }

// publicClient is MSAL's client for applications without a secret. Where the configuration names the authority MSAL
// does not ask Microsoft whether it is one of its own.
func (s *signIn) publicClient(line *tenantLine) (public.Client, error) {
	return public.New(s.clientID, public.WithAuthority(s.authority()), public.WithHTTPClient(line),
		public.WithInstanceDiscovery(s.provider.Authority == ""))
}

func (s *signIn) byCredentials(ctx context.Context, line *tenantLine) (string, error) {
	credential, err := s.credential()
	if err != nil {
		return "", err
	}
	client, err := confidential.New(s.authority(), s.clientID, credential, confidential.WithHTTPClient(line),
		confidential.WithInstanceDiscovery(s.provider.Authority == ""))
	if err != nil {
		return "", err
	}
	result, err := client.AcquireTokenByCredential(ctx, []string{s.scope})
	return result.AccessToken, err
}

// credential takes the secret or the certificate. MSAL's own error may quote the file, so it is not passed on.
func (s *signIn) credential() (confidential.Credential, error) {
	if s.secret != "" {
		return confidential.NewCredFromSecret(s.secret)
	}
	certificates, key, err := confidential.CertFromPEM(s.pem, "")
	if err != nil {
		return confidential.Credential{}, &failedSignIn{Kind: signInCredential,
			Problem: "want a certificate and its RSA key without a password, both in PEM form"}
	}
	credential, err := confidential.NewCredFromCert(certificates, key)
	if err != nil {
		return confidential.Credential{}, &failedSignIn{Kind: signInCredential,
			Problem: "want a certificate and the RSA key that belongs to it, got a key of another kind or of another certificate"}
	}
	return credential, nil
}

// withoutSecret blots the client secret out of what Entra ID says, which might repeat what it was sent.
func (s *signIn) withoutSecret(failed *failedSignIn) *failedSignIn {
	if s.secret != "" {
		failed.Description = strings.ReplaceAll(failed.Description, s.secret, "(the secret)")
		failed.Problem = strings.ReplaceAll(failed.Problem, s.secret, "(the secret)")
	}
	return failed
}

// refusal is a failed answer of Entra ID (RFC 6749 section 5.2, with Microsoft's error_codes).
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
}

// failedBy tells what a refusal means.
func failedBy(r refusal) *failedSignIn {
	failed := &failedSignIn{
		Kind: signInRefused, OAuthError: r.Error, Description: firstSentences(r.Description),
		Code: entra.FindCode(r.Codes, r.Description),
	}
	switch r.Error {
	case "authorization_declined", "access_denied":
		failed.Kind = signInDeclined
		if failed.Code != 0 && failed.Code != declinedConsent {
			failed.Kind = signInRefused // the code tells more
		}
	case "expired_token", "code_expired":
		failed.Kind = signInExpired
	}
	if slices.Contains([]int{70019, 70020}, failed.Code) {
		failed.Kind = signInExpired
	}
	return failed
}

// declinedConsent is the code of a person who declined.
const declinedConsent = 65004

// firstSentences cuts what Entra ID adds for its own support: the ids of the trace and of the request, and the time.
func firstSentences(description string) string {
	for _, end := range []string{"\r\n", "\n", " Trace ID:"} {
		description, _, _ = strings.Cut(description, end)
	}
	return strings.TrimSpace(description)
}

// problemOf words a failure of the network for people: what could not be done, without the address, which stands beside
// it. A certificate that is not trusted is told apart: something may read along.
func problemOf(err error) string {
	return cmp.Or(certificateProblem(err), networkProblem(err))
}
