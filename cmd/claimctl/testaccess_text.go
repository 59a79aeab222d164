package main

import (
	"strconv"
	"strings"
	"time"
)

// methodWords are the methods for people.
var methodWords = map[string]string{
	methodDevice: "device code", methodBrowser: "browser", methodCredentials: "client credentials", methodToken: "a token from standard input",
}

// printWalk prints what was found, and ends with the ending's status.
func (t *tool) printWalk(w *walk, printToken bool) error {
	end := w.ends()
	w.Ending, w.Sentence = end.name, end.text
	if printToken {
		w.Token = w.token
	}
	var err error
	if t.json {
		err = t.printJSON(w, false)
	} else {
		err = t.print(walkText(w, t.marks, t.now))
	}
	if err != nil || end.code == exitYes {
		return err
	}
	return &failure{code: end.code}
}

// walkText writes the whole way for people, as far as it went, with the sentence at the end.
func walkText(w *walk, marks marks, now time.Time) string {
	p := &page{}
	p.line("sign-in")
	w.signInRows(p, marks)
	if w.Gate != nil {
		gate := *w.Gate
		gate.Sentence = "" // it is part of the closing sentence
		p.line("\n%s", strings.TrimRight(explainText(gate, marks, now), "\n"))
	}
	p.line("\nAPI at %s", safe(w.APIURL))
	answerRow(p, marks, "without a token", w.WithoutToken, w.withoutTokenHeld())
	switch {
	case w.WithToken != nil:
		answerRow(p, marks, "with the token", w.WithToken, succeeded(w.WithToken.Status))
	case w.Gate != nil && w.GateProblem == "":
		p.line("      with the token    not called: the token is not for this API, and is not shown to it")
	}
	if w.Denial != nil && w.Gate.Allowed {
		p.line("\nwhat claimd kept of that refusal")
		for line := range strings.Lines(denialText(*w.Denial, now)) {
			p.WriteString("  " + line)
		}
	}
	if w.Token != "" {
		p.line("\ntoken\n%s", safeLines(w.Token))
	}
	p.line("\n%s", sentences(w.Sentence))
	return p.String()
}

// signInRows tell who asked for what, and whether a token came.
func (w *walk) signInRows(p *page, marks marks) {
	rows := [][]string{{"provider", safe(w.Provider) + ", tenant " + safe(w.Tenant)}, {"at", safe(w.Authority)}}
	if w.isOpenID() {
		rows = [][]string{{"provider", safe(w.Provider)}, {"at", safe(w.Issuer)}}
	}
	if w.Method != methodToken {
		rows = append(rows, []string{"application", safe(w.Client)})
		for _, row := range [][]string{{"scope", w.Scope}, {"resource", w.Resource}, {"audience", w.Audience}} {
			if row[1] != "" {
				rows = append(rows, []string{row[0], safe(row[1])})
			}
		}
	}
	rows = append(rows, []string{"method", methodWords[w.Method]})
	for _, row := range rows {
		p.line("      %s  %s", pad(row[0], 16), row[1])
	}
	switch f := w.SignIn; {
	case f != nil:
		p.line("  %s  %s  none came: %s", pad(marks.of(false), 2), pad("access token", 16), w.failureWords())
		if f.Description != "" {
			p.line("%s%s says: %s", strings.Repeat(" ", 24), w.peer(), safe(f.Description))
		}
	case w.token != "":
		p.line("  %s  %s  received", pad(marks.of(true), 2), pad("access token", 16))
	default:
		p.line("      %s  not asked for", pad("access token", 16))
	}
}

// peer names who gives the tokens, at the beginning of a sentence.
func (w *walk) peer() string {
	if w.isOpenID() {
		return "The provider"
	}
	return "Entra ID"
}

// failureWords name the failed sign-in in a few words.
func (w *walk) failureWords() string {
	switch f := w.SignIn; {
	case f.Kind == signInDeclined:
		return "declined"
	case f.Kind == signInExpired:
		return "nobody signed in in time"
	case f.Kind == signInUnreachable:
		if w.isOpenID() {
			return "no answer from the provider"
		}
		return "no answer from the tenant"
	case f.Kind == signInNotOffered:
		return "not offered"
	case f.Kind != signInRefused:
		return "stopped"
	case f.Code != 0:
		return "AADSTS" + strconv.Itoa(f.Code)
	default:
		return safe(f.OAuthError)
	}
}

// withoutTokenHeld reports whether the API refused a request without a token, as it must.
func (w *walk) withoutTokenHeld() bool {
	return w.WithoutToken.Status == 401 || w.WithoutToken.Status == 403
}

// answerRow shows one answer of the API, and whether claimd is seen in it.
func answerRow(p *page, marks marks, label string, a *apiAnswer, held bool) {
	head := "  " + pad(marks.of(held), 2) + "  " + pad(label, 16) + "  "
	if a.Problem != "" {
		p.line("%sno answer: %s", head, safe(a.Problem))
		return
	}
	text := statusWords(a.Status)
	switch {
	case a.Reason != "":
		text += ", refused by claimd: " + safe(a.Reason)
	case a.DecisionID != "":
		text += ", and claimd was asked"
	case a.Status == 401 || a.Status == 403:
		text += "; nothing in it shows that claimd was asked"
	}
	p.line("%s%s", head, text)
	for _, challenge := range a.Challenges {
		p.line("%sWWW-Authenticate: %s", strings.Repeat(" ", 24), safe(challenge))
	}
	if a.DecisionID != "" {
		p.line("%sX-Claimd-Decision: %s", strings.Repeat(" ", 24), safe(a.DecisionID))
	}
	if a.Location != "" {
		p.line("%sLocation: %s", strings.Repeat(" ", 24), safe(a.Location))
	}
}
