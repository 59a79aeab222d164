package main

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// browserTime is how long a sign-in in the browser may take.
const browserTime = 10 * time.Minute

// byDeviceCode shows an address and a code, and waits until somebody has signed in there (RFC 8628).
func (s *signIn) byDeviceCode(ctx context.Context, line *tenantLine) (string, error) {
	client, err := s.publicClient(line)
	if err != nil {
		return "", err
	}
	code, err := client.AcquireTokenByDeviceCode(ctx, []string{s.scope})
	if err != nil {
		return "", err
	}
	if !safeToOpen(code.Result.VerificationURL) {
		return "", &failedSignIn{Kind: signInAddress, Problem: code.Result.VerificationURL}
	}
	s.screen.say("Sign in as the user to test with. In any browser, open\n\n  %s\n\nand enter the code\n\n  %s\n\n",
		safe(code.Result.VerificationURL), safe(code.Result.UserCode))
	stop := s.screen.wait("waiting for the sign-in", code.Result.ExpiresOn)
	defer stop()
	result, err := code.AuthenticationResult(ctx)
	return result.AccessToken, err
}

// safeToOpen reports whether a person may be sent to the address: https, or http on this host.
func safeToOpen(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || (u.Scheme == "http" && config.IsLoopback(u.Hostname()))
}

// byBrowser shows an address, and waits until the browser comes back from it to a port of this host with a code (RFC
// 8252, with PKCE). MSAL checks the state and redeems the code.
func (s *signIn) byBrowser(ctx context.Context, line *tenantLine) (string, error) {
	client, err := s.publicClient(line)
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, browserTime)
	defer cancel()
	stop := func() {}
	result, err := client.AcquireTokenInteractive(limited, []string{s.scope}, public.WithOpenURL(func(address string) error {
		if !safeToOpen(address) {
			return &failedSignIn{Kind: signInAddress, Problem: address}
		}
		s.screen.say("Sign in as the user to test with. In a browser on this host, open\n\n  %s\n\n", escape(address))
		if port := redirectPort(address); port != "" {
			s.screen.say("If the browser runs on another host, let its port lead here first:\n\n  ssh -L %s:localhost:%s THIS-HOST\n\n", port, port)
		}
		stop = s.screen.wait("waiting for the browser to come back", time.Now().Add(browserTime))
		return nil
	}))
	stop()
	if err != nil && limited.Err() != nil {
		return "", &failedSignIn{Kind: signInExpired}
	}
	if failed := cameBackWith(err); failed != nil && !line.refused() {
		return "", failed
	}
	return result.AccessToken, err
}

// refused reports whether the last answer was a refusal, which tells more than the browser's.
func (l *tenantLine) refused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.refusal.Error != ""
}

// cameBackWith tells what Entra ID sent the browser back with instead of a code; nil = no refusal. Of such an answer MSAL
// passes on the description alone, escaped for HTML.
func cameBackWith(err error) *failedSignIn {
	if err == nil {
		return nil
	}
	description := html.UnescapeString(err.Error())
	code := entra.FindCode(nil, description)
	if code == 0 {
		return nil
	}
	answer := refusal{Codes: []int{code}, Description: description}
	if code == declinedConsent {
		answer.Error = "access_denied"
	}
	return failedBy(answer)
}

// redirectPort gives the port on this host that the browser comes back to; "" = it is not known.
func redirectPort(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	back, err := url.Parse(u.Query().Get("redirect_uri"))
	if err != nil {
		return ""
	}
	return back.Port()
}

// leftFor words the time that is left.
func leftFor(until time.Time) string {
	left := max(0, time.Until(until).Round(time.Second))
	if left < time.Minute {
		return fmt.Sprintf("%d s left", int(left.Seconds()))
	}
	return fmt.Sprintf("%d min %d s left", int(left.Minutes()), int(left.Seconds())%60)
}
