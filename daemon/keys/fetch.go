package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// fetchError tells in one line what was wrong with one address.
type fetchError struct {
	url        string
	cause      string
	retryAfter time.Duration // what the provider asked for; 0 = nothing
}

func (e *fetchError) Error() string { return e.url + ": " + e.cause }

// fetched is what a fetch of one version gave: a set or an error, and what of the keys is worth an alarm.
type fetched struct {
	at      time.Time
	set     *keySet
	ignored []KeyStatus
	err     error
}

// fetch takes document and key set of one edition from the network. It calls asking just before it asks for the key set.
func (e edition) fetch(ctx context.Context, client *http.Client, now time.Time, asking func()) fetched {
	result := fetched{at: now}
	if e.authority == nil {
		result.err = &fetchError{url: e.url, cause: e.setting() + ": want an https address, or http on loopback"}
		return result
	}
	rawDocument, err := get(ctx, client, e.url)
	if err != nil {
		result.err = err
		return result
	}
	d, err := e.readDocument(rawDocument)
	if err != nil {
		result.err = &fetchError{url: e.url, cause: err.Error()}
		return result
	}
	asking()
	rawKeys, err := get(ctx, client, d.keysURL)
	if err != nil {
		result.err = err
		return result
	}
	keys, status, err := e.readKeys(rawKeys, d)
	result.ignored = ignoredOf(status)
	if err != nil {
		result.err = &fetchError{url: d.keysURL, cause: err.Error()}
		return result
	}
	result.set = &keySet{
		document: d, keys: keys, status: status, fetchedAt: now,
		rawDocument: rawDocument, rawKeys: rawKeys,
	}
	return result
}

// ignoredOf gives the keys that are not used: empty, not nil, where there are none.
func ignoredOf(status []KeyStatus) []KeyStatus {
	ignored := []KeyStatus{}
	for _, key := range status {
		if key.Ignored != "" {
			ignored = append(ignored, key)
		}
	}
	return ignored
}

// get fetches one body of at most maxBody bytes. It follows no redirect and takes no compressed answer, whatever client
// it was given.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &fetchError{url: address, cause: "want an address, got something else"}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "claimd")
	response, err := direct.Do(request)
	if err != nil {
		return nil, &fetchError{url: address, cause: causeOf(err)}
	}
	defer response.Body.Close()
	if err := checkAnswer(response); err != nil {
		return nil, &fetchError{url: address, cause: err.Error(), retryAfter: RetryAfter(response.Header)}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, &fetchError{url: address, cause: causeOf(err)}
	}
	if len(body) > maxBody {
		return nil, &fetchError{url: address, cause: tooLong}
	}
	return body, nil
}

const tooLong = "want at most 1 MiB, got more"

// checkAnswer refuses an answer by its head.
func checkAnswer(response *http.Response) error {
	switch encoding := response.Header.Get("Content-Encoding"); {
	case response.StatusCode/100 == 3:
		return fmt.Errorf("want status 200, got %d: redirects are not followed", response.StatusCode)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("want status 200, got %d", response.StatusCode)
	case encoding != "" && encoding != "identity":
		return fmt.Errorf("want no content-encoding, got %s", quote(encoding))
	case response.ContentLength > maxBody:
		return errors.New(tooLong)
	}
	return nil
}

// RetryAfter reads how long the sender of an answer wants to be left alone (RFC 9110, section 10.2.3), for all who ask
// providers. A date is read by the sender's own clock, whatever ours says. 0 = it does not say.
func RetryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(sent), 0)
}

// causeOf names what went wrong on the way, for people.
func causeOf(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority; hint: a private root goes into [outbound] ca_file"
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is not for " + quote(wrong.Host)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate has expired or is not valid yet; hint: check this host's clock too"
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return "want a whole answer within 10 s, got none"
	}
	return "no answer: " + err.Error()
}
