package main

import (
	"fmt"
	"strings"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

// endsAtAPI words what the API answered to a token that claimd lets in.
func (w *walk) endsAtAPI() ending {
	answer := w.WithToken
	switch status := answer.Status; {
	case succeeded(status):
		return ending{"works", exitYes, w.works()}
	case status == 401 || status == 403:
		return w.endsRefused()
	case status >= 500:
		return w.endsBroken()
	case status >= 300 && status < 400:
		return ending{"api_redirects", exitUnknown, fmt.Sprintf("Could not find out: the API answers %s and points to %s. claimctl does not follow, for the token would go along.\n"+
			"To change it: give --api-url the address that answers by itself; if that is a sign-in page, the gateway asks something else than claimd.",
			statusWords(status), orNowhere(answer.Location))}
	}
	return ending{"api_other", exitUnknown, fmt.Sprintf("Could not find out: claimd lets the token in, but %s answers %s, so nobody knows whether the token came through.\n"+
		"To change it: give --api-url an address that answers GET with 200.", w.APIURL, statusWords(answer.Status))}
}

func orNowhere(location string) string {
	if location == "" {
		return "nowhere"
	}
	return location
}

// works is the sentence that everybody hopes for.
func (w *walk) works() string {
	i := w.Gate.Identity
	text := fmt.Sprintf("It works from end to end: as %s of provider %s, %s answers %s.\nGroups: %s; roles: %s; %s.",
		who(i), i.Provider, w.APIURL, statusWords(w.WithToken.Status), list(i.Groups), list(i.Roles), administrator(i))
	if status := w.WithoutToken.Status; status != 401 && status != 403 {
		text += fmt.Sprintf("\nBut without a token it answers %s, not 401: look whether the gateway asks claimd about every request.", statusWords(status))
	}
	return text
}

func who(i *access.Whoami) string {
	kind := "user "
	if i.Kind == "service_account" {
		kind = "service account "
	}
	if name := strings.TrimSpace(i.FirstName + " " + i.LastName); name != "" {
		return kind + i.User + " (" + name + ")"
	}
	return kind + i.User
}

func administrator(i *access.Whoami) string {
	if i.Admin {
		return "an administrator"
	}
	return "no administrator"
}

// endsRefused words a refusal of the API although claimd, asked about the token alone, lets it in.
func (w *walk) endsRefused() ending {
	answer := w.WithToken
	refused := "claimd lets the token in, but the API answers " + statusWords(answer.Status)
	r, known := reason.Parse(answer.Reason)
	mend := r.Mend()
	if w.Denial != nil {
		r, known, mend = w.Denial.Reason, w.Denial.Reason != reason.None, w.Denial.Mend
	}
	switch {
	case known && r == reason.NoToken, !known && answer.bareChallenge():
		return ending{"authorization_dropped", exitNo, refused + ", as to a request without a token: the gateway does not pass the Authorization header on to claimd.\n" +
			"To change it: let it pass on the header Authorization in the question to claimd; in nginx, where /auth is asked, " +
			"proxy_set_header must not empty it."}
	case w.Denial != nil && overAndAbove(r):
		return ending{"request_refused", exitNo, fmt.Sprintf("%s: %s, %s.\nTo change it: %s; claimctl denials %s shows all of it.",
			refused, r, r.Sentence(), strings.TrimSuffix(mend, "."), w.Denial.ID)}
	case known && w.Denial == nil:
		return w.endsElsewhere(refused, r)
	case w.Denial != nil:
		return ending{"judged_otherwise", exitNo, fmt.Sprintf("%s: %s, %s. It got another token than the one that was judged here, or the configuration changed meanwhile.\n"+
			"To change it: look whether the gateway replaces the Authorization header, and run the test again.", refused, r, r.Sentence())}
	case answer.DecisionID != "":
		return w.endsElsewhere(refused, reason.None)
	}
	return ending{"claimd_not_asked", exitNo, refused + ", and nothing in the answer is of claimd: it was not asked, or the gateway keeps its answer to itself. " +
		"The API itself may refuse.\nTo change it: let the gateway ask claimd for this path; if it does, look into the API's own log for why it refuses a request " +
		"that claimd let through. Let the gateway pass X-Claimd-Decision on to the client, and this test can tell the two apart."}
}

// overAndAbove knows the reasons that depend on more than the token.
func overAndAbove(r reason.Reason) bool {
	switch r {
	case reason.HeaderSpoof, reason.OriginalRequest, reason.Route, reason.StepUp, reason.HeaderSize, reason.InvalidRequest:
		return true
	}
	return false
}

// endsElsewhere words a refusal by a claimd that is not the one of this configuration, as far as can be told.
func (w *walk) endsElsewhere(refused string, r reason.Reason) ending {
	said := ""
	if r != reason.None {
		said = fmt.Sprintf(", as claimd refuses: %s, %s", r, r.Sentence())
	}
	if !w.asked {
		return ending{"refused_unseen", exitNo, fmt.Sprintf("%s%s. The claimd on %s cannot be asked what it kept of that.\n"+
			"To change it: start claimd, or run the test as root on its host; claimctl denials %s then tells.", refused, said, w.socket, orID(w.WithToken.DecisionID))}
	}
	return ending{"another_claimd", exitNo, fmt.Sprintf("%s%s. The claimd on %s knows nothing of that refusal, so the gateway asks another one.\n"+
		"To change it: compare the address that the gateway asks with listen under [server], or reload the other claimd.", refused, said, w.socket)}
}

func orID(id string) string {
	if id == "" {
		return "ID"
	}
	return id
}

// endsBroken words an answer that is neither yes nor no.
func (w *walk) endsBroken() ending {
	answer := w.WithToken
	if r, ok := reason.Parse(answer.Reason); ok && r != reason.None {
		return ending{"claimd_unavailable", exitUnknown, fmt.Sprintf("Could not find out: the API answers %s, as claimd does: %s, %s.\nTo change it: %s.",
			statusWords(answer.Status), r, r.Sentence(), r.Mend())}
	}
	text := "the API behind the gateway has a fault of its own, or the gateway cannot ask claimd (nginx answers 500 then)"
	if w.WithoutToken.Status != answer.Status {
		text = "the gateway does answer without a token (" + statusWords(w.WithoutToken.Status) + "), so the fault is in the API behind it, or in how the gateway calls it"
	}
	return ending{"api_broken", exitUnknown, fmt.Sprintf("Could not find out: claimd lets the token in, but %s answers %s: %s.\n"+
		"To change it: look into the logs of the gateway and of the API.", w.APIURL, statusWords(answer.Status), text)}
}
