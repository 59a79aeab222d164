package opaque

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// clientOf makes the Asker's own client: no redirect is followed, no answer is compressed, and there are connections for
// as many requests as may be under way.
func clientOf(given *http.Client) *http.Client {
	client := *given
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	if transport, ok := client.Transport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.MaxIdleConnsPerHost = maxFlights
		transport.DisableCompression = true
		client.Transport = transport
	}
	return &client
}

// basicOf gives the Authorization field of client_secret_basic: both parts are form-encoded first (RFC 6749 section
// 2.3.1), so that a colon in the id, or anything outside ASCII, comes through.
func basicOf(id, secret string) string {
	pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// exchange asks the endpoint about the token. The error is a *Refused or an *Unavailable.
func (a *Asker) exchange(ctx context.Context, endpoint, token string, asked time.Time) (Answer, error) {
	request, err := a.requestFor(ctx, endpoint, token)
	if err != nil {
		return Answer{}, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return Answer{}, a.unavailable(endpoint, causeOf(err))
	}
	defer response.Body.Close()
	if err := a.checkHead(endpoint, response); err != nil {
		return Answer{}, err
	}
	body, err := readBody(response)
	if err != nil {
		return Answer{}, a.unavailable(endpoint, err.Error())
	}
	answer, err := a.readAnswer(body, asked)
	answer.endpoint = endpoint
	if failure, ok := errors.AsType[*Unavailable](err); ok {
		failure.Detail = endpoint + ": " + failure.Detail
	}
	return answer, err
}

// unavailable says what was wrong with the endpoint.
func (a *Asker) unavailable(endpoint, cause string) *Unavailable {
	return &Unavailable{Detail: endpoint + ": " + cause}
}

// requestFor makes the request: RFC 7662 section 2.1, or OpenID Connect Core 1.0 section 5.3.1 with RFC 6750 section 2.1.
func (a *Asker) requestFor(ctx context.Context, endpoint, token string) (*http.Request, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && !(u.Scheme == "http" && config.IsLoopback(u.Hostname())) {
		return nil, &Unavailable{Detail: "want an endpoint with https, or http on loopback, got " + strconv.QuoteToASCII(endpoint)}
	}
	method, body, authorization := http.MethodGet, io.Reader(http.NoBody), "Bearer "+token
	if a.kind == Introspection {
		form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
		method, body, authorization = http.MethodPost, strings.NewReader(form.Encode()), a.basic
	}
	request, err := http.NewRequestWithContext(ctx, method, endpoint, body)
	if err != nil {
		return nil, &Unavailable{Detail: "want an endpoint that can be asked, got " + strconv.QuoteToASCII(endpoint)}
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "claimd")
	if a.kind == Introspection {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// Not sent: it tells net/http that asking twice does no harm, so that a connection which the provider has just
		// closed for idleness is replaced.
		request.Header["Idempotency-Key"] = nil
	}
	return request, nil
}

// checkHead judges an answer by its head. The error is a *Refused or an *Unavailable.
func (a *Asker) checkHead(endpoint string, response *http.Response) error {
	failure := a.unavailable(endpoint, fmt.Sprintf("want status 200, got %d", response.StatusCode))
	failure.RetryAfter = keys.RetryAfter(response.Header)
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return a.checkType(endpoint, response.Header)
	case status/100 == 3:
		failure.Detail += ": redirects are not followed"
	case a.kind == Introspection && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		failure.Detail += ": the provider does not accept claimd's own credential" +
			"\nhint: compare introspection_client_id and the secret in introspection_client_secret_file with the provider's," +
			" and see whether that client may introspect"
	case status == http.StatusUnauthorized:
		return refusedAs(reason.OpaqueToken, "the provider does not accept the token at its userinfo endpoint")
	case status == http.StatusForbidden && strings.Contains(response.Header.Get("WWW-Authenticate"), "insufficient_scope"):
		return refusedAs(reason.OpaqueToken, "the token was issued without the scope openid, so userinfo says nothing about it")
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge,
		status == http.StatusRequestURITooLong, status == http.StatusRequestHeaderFieldsTooLarge:
		failure.blameless = true // strangers choose the tokens: five odd ones must not lock everybody out
	}
	return failure
}

// checkType takes plain JSON only. A signed answer (RFC 9701, or a userinfo answer as a JWT) would want keys of its own.
func (a *Asker) checkType(endpoint string, header http.Header) error {
	media, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	charset := parameters["charset"]
	switch encoding := header.Get("Content-Encoding"); {
	case encoding != "" && encoding != "identity":
		return a.unavailable(endpoint, "want no content-encoding, got one")
	case err == nil && (media == "application/jwt" || strings.HasSuffix(media, "+jwt")):
		return a.unavailable(endpoint, "want JSON, got a signed answer\nhint: have the provider answer this client in plain JSON")
	case err != nil || media != "application/json":
		return a.unavailable(endpoint, "want content-type application/json, got another")
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return a.unavailable(endpoint, "want an answer in UTF-8, got another charset")
	}
	return nil
}

const tooLong = "want at most 1 MiB, got more"

// readBody reads the whole body, and gives it without room to spare: it may be kept.
func readBody(response *http.Response) ([]byte, error) {
	if response.ContentLength > maxBody {
		return nil, errors.New(tooLong)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, errors.New(causeOf(err))
	}
	if len(body) > maxBody {
		return nil, errors.New(tooLong)
	}
	return append(make([]byte, 0, len(body)), body...), nil
}

// causeOf names what went wrong on the way, for people. It holds nothing of what was sent.
func causeOf(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority\nhint: a private root goes into [outbound] ca_file"
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is not for " + strconv.QuoteToASCII(wrong.Host)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate has expired or is not valid yet\nhint: check this host's clock too"
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return "want a whole answer within 3 s, got none"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "want a whole answer, got one that ends early"
	}
	return "no answer: " + err.Error()
}
