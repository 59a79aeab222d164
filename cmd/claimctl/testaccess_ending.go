package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/reason"
)

// ending is how a walk ended: a stable name, the exit status, and the sentence that says what to do.
type ending struct {
	name string
	code int
	text string // sentences end with a period; lines to paste stand on their own
}

// ends finds the ending: the first thing on the way that has to change, or that it works.
func (w *walk) ends() ending {
	switch {
	case w.WithoutToken.Problem != "":
		return unreachableAPI(w, w.WithoutToken)
	case w.SignIn != nil && w.isOpenID():
		return w.endsAtProvider()
	case w.SignIn != nil:
		return w.endsAtSignIn()
	case w.GateProblem != "" || w.Gate == nil:
		return ending{"not_judged", exitUnknown, "Could not find out: the token could not be judged: " + strings.TrimSuffix(w.GateProblem, ".") + "."}
	case w.Gate.Reason.Status() == http.StatusServiceUnavailable && w.Gate.Reason != reason.Disabled:
		return ending{"not_judged", exitUnknown, "Could not find out: claimd cannot judge the token now, " + afterDenied(w.Gate.Sentence)}
	case succeeded(w.WithoutToken.Status):
		return ending{"api_open", exitNo, fmt.Sprintf("The API is open: %s answers %s to a request without any token. Whatever claimd decides, "+
			"nobody heeds it.\nTo change it: let the gateway ask claimd for this path (auth_request in nginx, forward_auth in Caddy), "+
			"and close every other way to the API. If a [[route]] makes the path public on purpose, give --api-url one that is not.",
			w.APIURL, statusWords(w.WithoutToken.Status))}
	case !w.Gate.Allowed:
		return w.endsAtGate()
	case w.WithToken.Problem != "":
		return unreachableAPI(w, w.WithToken)
	}
	return w.endsAtAPI()
}

func succeeded(status int) bool { return status >= 200 && status < 300 }

func statusWords(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

func unreachableAPI(w *walk, answer *apiAnswer) ending {
	return ending{"api_unreachable", exitUnknown, fmt.Sprintf("Could not find out: the API at %s cannot be reached: %s.\n"+
		"To change it: look at --api-url, and whether API and gateway run; further roots for its certificate stand in ca_file under [outbound].",
		w.APIURL, answer.Problem)}
}

// endsAtSignIn words each way in which there is no token.
func (w *walk) endsAtSignIn() ending {
	f := w.SignIn
	switch f.Kind {
	case signInDeclined:
		return ending{"declined", exitNo, "Nobody was let in: the person at the browser declined the sign-in or the consent.\n" +
			"To change it: run the test again and accept, or let an administrator grant the consent for all under " +
			"Entra admin center > App registrations > " + w.Client + " > API permissions > Grant admin consent."}
	case signInExpired:
		return ending{"expired", exitUnknown, w.expired()}
	case signInUnreachable:
		return ending{"tenant_unreachable", exitUnknown, fmt.Sprintf("Could not find out: the tenant at %s cannot be reached: %s.\n"+
			"To change it: look at proxy and ca_file under [outbound], and whether this host may reach it (claimctl doctor looks closer).", w.Authority, f.Problem)}
	case signInAddress:
		return ending{"unsafe_address", exitNo, fmt.Sprintf("Stopped: the tenant wants the sign-in at %s, which is not https, so whoever listens could take it over.\n"+
			"To change it: look at authority under [provider.%s]; Entra ID itself never sends such an address.", f.Problem, w.Provider)}
	case signInPlain:
		return ending{"plain_authority", exitUnknown, fmt.Sprintf("Could not find out: the authority %s is plain http, over which Microsoft's library signs nobody in.\n"+
			"To change it: set authority under [provider.%s] to an https address, or use --method token.", f.Problem, w.Provider)}
	case signInCredential:
		return ending{"credential", exitNo, "The certificate cannot be used: " + f.Problem +
			".\nTo change it: put both into the file of --client-certificate-file, the certificate first."}
	case signInStrange:
		return ending{"strange_tenant", exitUnknown, fmt.Sprintf("Could not find out: what answers at %s does not speak like Entra ID: %s.\n"+
			"To change it: look at authority under [provider.%s] and at proxy under [outbound]; a proxy that wants a login answers like this too.",
			w.Authority, strings.TrimSuffix(f.Problem, "."), w.Provider)}
	}
	return w.refusedByEntra()
}

func (w *walk) expired() string {
	if w.Method == methodBrowser {
		return "Could not find out: the browser did not come back in time.\n" +
			"To change it: run the test again and sign in. If the browser shows an error with a number such as AADSTS50011 instead, " +
			"the answer is there: " + entra.CodePage(50011) + " explains it (put in its number). If the browser could not open " +
			"http://localhost, it runs on another host: use the ssh line that was shown."
	}
	return "Could not find out: nobody signed in before the code expired.\n" +
		"To change it: run the test again and enter the code in time. If the browser said that the sign-in is blocked, Conditional Access " +
		"refuses device codes: use --method browser."
}

// refusedByEntra words Entra's number.
func (w *walk) refusedByEntra() ending {
	f := w.SignIn
	if f.Code == 0 {
		return ending{"refused_by_entra", exitNo, fmt.Sprintf("Entra ID gives no token: %s.\nTo change it: look at Entra admin center > Monitoring > Sign-in logs.",
			firstOfTexts(f.Description, f.OAuthError))}
	}
	p := entra.ExplainCode(f.Code).Named(w.Client, w.api)
	name := strings.NewReplacer("[provider.NAME]", "[provider."+w.Provider+"]")
	return ending{"refused_by_entra", exitNo, name.Replace(fmt.Sprintf("Entra ID gives no token, AADSTS%d: %s.\nTo change it: %s.", f.Code, p.Cause, p.Mend))}
}

func firstOfTexts(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return strings.TrimSuffix(text, ".")
		}
	}
	return "it does not say why"
}

// endsAtGate words claimd's own refusal.
func (w *walk) endsAtGate() ending {
	if w.WithToken != nil && succeeded(w.WithToken.Status) {
		return ending{"api_lets_in_refused", exitNo, fmt.Sprintf("The API answers %s to a token that claimd refuses (%s), so it did not ask this claimd.\n"+
			"To change it: let the gateway ask the claimd of this configuration, and heed its answer.", statusWords(w.WithToken.Status), w.Gate.Reason)}
	}
	text := "claimd refuses the token, " + afterDenied(w.Gate.Sentence)
	if id := w.caller(); id != "" && w.Gate.Reason == reason.Client && !w.callsForItself() {
		const after = "\nAfter that"
		verdict, rest, found := strings.Cut(text, after)
		text = verdict + "\nThe line then reads:\n\n" + w.clientLine(id) + "\n"
		if found {
			text += after + rest
		}
	}
	if w.isOpenID() {
		text += w.anotherAudience()
	}
	return ending{"refused_by_claimd", exitNo, text}
}

// afterDenied gives the closing sentence of an explanation without the word that it begins with.
func afterDenied(sentence string) string {
	return strings.TrimPrefix(strings.TrimRight(sentence, "\n"), "denied, ")
}

// callsForItself reports whether the token is an application's own, which a [[service_account]] lets in.
func (w *walk) callsForItself() bool {
	return slices.ContainsFunc(w.Gate.Checks, func(c reason.Check) bool {
		return c.Name == reason.UnknownServiceAccount.String() || c.Reason == reason.UnknownServiceAccount
	})
}

// caller gives the application that the token names, else the one that asked for it.
func (w *walk) caller() string {
	if w.Gate.Identity != nil {
		return w.Gate.Identity.ClientApplicationID
	}
	return w.Client
}

// clientLine is the setting with the calling application in it.
func (w *walk) clientLine(id string) string {
	listed := make([]string, 0, len(w.clients)+1)
	for _, client := range append(append([]string{}, w.clients...), id) {
		listed = append(listed, `"`+client+`"`)
	}
	if w.isOpenID() {
		return "client_ids = [" + strings.Join(listed, ", ") + "]"
	}
	return "client_application_ids = [" + strings.Join(listed, ", ") + "]"
}
