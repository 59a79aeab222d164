package main

import (
	"cmp"
	"fmt"
	"strings"
)

// endsAtProvider words each way in which a provider of kind = "oidc" gives no token.
func (w *walk) endsAtProvider() ending {
	f := w.SignIn
	switch f.Kind {
	case signInExpired:
		return ending{"expired", exitUnknown, w.expiredAtProvider()}
	case signInDocument:
		return ending{"no_document", exitUnknown, fmt.Sprintf("Could not find out: the provider's discovery document cannot be used: %s.\n"+
			"To change it: look at issuer under [provider.%s], and at proxy and ca_file under [outbound] (claimctl doctor looks closer).",
			strings.TrimSuffix(f.Problem, "."), w.Provider)}
	case signInNotOffered:
		return ending{"not_offered", exitNo, w.notOffered(f.Problem)}
	case signInUnreachable:
		return ending{"provider_unreachable", exitUnknown, fmt.Sprintf("Could not find out: the provider %s cannot be reached: %s.\n"+
			"To change it: look at proxy and ca_file under [outbound], and whether this host may reach it (claimctl doctor looks closer).", w.Issuer, f.Problem)}
	case signInAddress:
		return ending{"unsafe_address", exitNo, fmt.Sprintf("Stopped: the provider wants the sign-in at %s, which is not https, so whoever listens could take it over.\n"+
			"To change it: let the provider name an https address as verification_uri.", f.Problem)}
	case signInPort:
		return ending{"port", exitUnknown, fmt.Sprintf("Could not find out: nothing can listen on %s, where the browser comes back to.\n"+
			"To change it: end what listens there, or name another address by --redirect-uri, and at the provider.", f.Problem)}
	case signInStrange:
		return ending{"strange_provider", exitUnknown, fmt.Sprintf("Could not find out: what answers for %s does not speak OAuth as it should: %s.\n"+
			"To change it: look at issuer under [provider.%s] and at proxy under [outbound]; a proxy that wants a login answers like this too.",
			w.Issuer, strings.TrimSuffix(f.Problem, "."), w.Provider)}
	}
	return w.refusedByProvider()
}

func (w *walk) expiredAtProvider() string {
	if w.Method == methodBrowser {
		return "Could not find out: the browser did not come back in time.\n" +
			"To change it: run the test again and sign in. If the browser shows an error about the redirect URI instead, register http://127.0.0.1/ for the client, " +
			"or a whole address such as http://127.0.0.1:8400/ and name it by --redirect-uri. If the browser could not open the address, it runs on another " +
			"host: use the ssh line that was shown."
	}
	return "Could not find out: nobody signed in before the code expired.\n" +
		"To change it: run the test again and enter the code in time. If the page took no code, the client may not sign in this way: use --method browser."
}

// notOffered words an endpoint that the discovery document does not name.
func (w *walk) notOffered(endpoint string) string {
	text := fmt.Sprintf("The provider offers no sign-in by %s: its discovery document names no %s that may be asked (https, or http on this host for an issuer that is such too).\n",
		methodWords[w.Method], endpoint)
	switch endpoint {
	case "device_authorization_endpoint":
		return text + "To change it: use --method browser, or switch the device flow on at the provider (RFC 8628)."
	case "authorization_endpoint":
		return text + "To change it: use --method device, or --method token with a token that an application got."
	}
	return text + "To change it: use --method token with a token that an application got."
}

// refusedByProvider words the error of a provider.
func (w *walk) refusedByProvider() ending {
	f := w.SignIn
	r, known := refusals[f.OAuthError]
	if by, ok := refusals[w.Method+" "+f.OAuthError]; ok {
		r, known = by, true
	}
	if f.OAuthError == "invalid_client" && w.hasSecret {
		r = refusals["secret invalid_client"]
	}
	if f.OAuthError == "invalid_target" && w.Resource+w.Audience == "" {
		r = refusals["unnamed invalid_target"]
	}
	if !known {
		return ending{"refused_by_provider", exitNo, fmt.Sprintf("The provider gives no token: %s.\nTo change it: look into the provider's own log.",
			firstOfTexts(f.Description, f.OAuthError))}
	}
	name := strings.NewReplacer("{client}", w.Client, "{scope}", cmp.Or(w.Scope, "(none)"), "{method}", methodWords[w.Method],
		"{grant}", grants[w.Method], "{api}", strings.Join(nonEmpty(w.Resource, w.Audience), ", "), "{provider}", w.Provider)
	text := name.Replace(fmt.Sprintf("%s: %s.\nTo change it: %s.", f.OAuthError, r.cause, r.mend))
	switch {
	case r.passes:
		return ending{"provider_broken", exitUnknown, "Could not find out: the provider gives no token now, " + text}
	case f.OAuthError == "access_denied" && w.Method != methodCredentials:
		return ending{"declined", exitNo, "Nobody was let in, " + text}
	}
	return ending{"refused_by_provider", exitNo, "The provider gives no token, " + text}
}
