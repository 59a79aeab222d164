package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/reason"
)

// walk is what the way from nothing to the API's answer met; nil = it did not come so far. It is what --json prints. The
// texts of others in it are not fit for a terminal.
type walk struct {
	Provider     string         `json:"provider"`
	Tenant       string         `json:"tenant_id,omitempty"`
	Authority    string         `json:"authority,omitempty"`
	Issuer       string         `json:"issuer,omitempty"` // of a provider that is not Entra ID; tenant and authority are Entra ID's
	Client       string         `json:"client_application_id,omitempty"`
	Scope        string         `json:"scope,omitempty"`
	Resource     string         `json:"resource,omitempty"`
	Audience     string         `json:"audience,omitempty"`
	Method       string         `json:"method"`
	APIURL       string         `json:"api_url"`
	WithoutToken *apiAnswer     `json:"without_token,omitempty"`
	SignIn       *failedSignIn  `json:"sign_in_failed,omitempty"`
	Gate         *explained     `json:"gate,omitempty"`
	GateProblem  string         `json:"gate_problem,omitempty"` // why the token could not be judged
	WithToken    *apiAnswer     `json:"with_token,omitempty"`
	Denial       *access.Denial `json:"denial,omitempty"` // what the running claimd kept of the API's refusal
	Ending       string         `json:"ending"`           // a stable name
	Sentence     string         `json:"sentence"`
	Token        string         `json:"token,omitempty"` // with --print-token alone

	token     string
	api       string   // the API's application ID, of Entra ID
	clients   []string // client_application_ids, or client_ids
	audiences []string // of a provider that is not Entra ID
	hasSecret bool     // whether the application was given its secret
	socket    string
	asked     bool // whether the running claimd could be asked for the denial
}

// isOpenID reports whether the provider is not Entra ID.
func (w *walk) isOpenID() bool { return w.Issuer != "" }

// apiAnswer is one answer of the API, or of the gateway before it.
type apiAnswer struct {
	Status     int      `json:"status,omitempty"`
	Challenges []string `json:"www_authenticate,omitempty"`
	DecisionID string   `json:"decision_id,omitempty"`
	Reason     string   `json:"reason,omitempty"` // claimd's, from the body
	Location   string   `json:"location,omitempty"`
	Problem    string   `json:"problem,omitempty"` // why there is no answer
}

// maxAPIBody is how much of the API's answer is looked at, in bytes.
const maxAPIBody = 64 << 10

// callAPI asks the API with GET; token "" = without one. No redirect is followed: the token would go along.
func callAPI(ctx context.Context, client *http.Client, address, token string) *apiAnswer {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &apiAnswer{Problem: "the address cannot be called"}
	}
	request.Header.Set("Accept", "application/json, */*;q=0.5")
	request.Header.Set("User-Agent", "claimctl-test-access")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return &apiAnswer{Problem: problemOf(err)}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAPIBody)) // as much as came tells as much as it can
	answer := &apiAnswer{
		Status: response.StatusCode, Challenges: response.Header.Values("Www-Authenticate"),
		DecisionID: response.Header.Get("X-Claimd-Decision"), Location: response.Header.Get("Location"),
	}
	answer.read(body)
	answer.blot(token)
	return answer
}

// read looks for the body of a refusal by claimd.
func (a *apiAnswer) read(body []byte) {
	var said struct {
		Reason     string `json:"reason"`
		DecisionID string `json:"decision_id"`
	}
	if json.Unmarshal(body, &said) != nil {
		return
	}
	if r, ok := reason.Parse(said.Reason); ok && r != reason.None {
		a.Reason = said.Reason
		a.DecisionID = cmp.Or(a.DecisionID, said.DecisionID)
	}
}

// blot takes the token out of an answer that repeats what it was sent.
func (a *apiAnswer) blot(token string) {
	if token == "" {
		return
	}
	for _, text := range []*string{&a.DecisionID, &a.Reason, &a.Location} {
		*text = withoutToken(*text, token)
	}
	for i := range a.Challenges {
		a.Challenges[i] = withoutToken(a.Challenges[i], token)
	}
}

func withoutToken(text, token string) string {
	for _, part := range append([]string{token}, strings.Split(token, ".")...) {
		if len(part) > 8 { // shorter ones are no secret, and would be found everywhere
			text = strings.ReplaceAll(text, part, "(the token)")
		}
	}
	return text
}

// bareChallenge reports whether the answer is one to a request without a token (RFC 6750 section 3: no error code then).
func (a *apiAnswer) bareChallenge() bool {
	return a.Status == http.StatusUnauthorized && slices.ContainsFunc(a.Challenges, func(challenge string) bool {
		return strings.HasPrefix(strings.ToLower(challenge), "bearer") && !strings.Contains(challenge, "error=")
	})
}

// judgeForTest has the running claimd judge the token, else judges by the files. The error is the person giving up.
func (t *tool) judgeForTest(ctx context.Context, w *walk) error {
	e, err := t.explain(ctx, w.token, false)
	if err != nil && ctx.Err() == nil && e.Checks == nil && mayJudgeAlone(err) {
		why, _, _ := strings.Cut(err.Error(), "\n")
		e, err = t.explain(ctx, w.token, true)
		e.JudgedBy = "claimctl judged by " + t.configPath + ", as " + why
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e.Checks != nil {
		w.Gate = &e
	}
	if err != nil {
		w.GateProblem = problemAndHint(err)
	}
	return nil
}

// problemAndHint gives an error of claimctl's own in one text.
func problemAndHint(err error) string {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err.Error()
	}
	text := strings.TrimPrefix(f.text, "could not find out: ")
	if f.hint != "" {
		text += ".\nTo change it: " + f.hint
	}
	return text
}

// mayJudgeAlone reports whether the running claimd did not say what is wrong with the question.
func mayJudgeAlone(err error) bool {
	_, refused := errors.AsType[*admin.Refusal](err)
	_, failed := errors.AsType[*failure](err)
	return !refused && !failed
}

// forThisAPI reports whether the token was issued to be shown to this API: its signature holds and its audience is the
// API. Any other could be used by the API against the one it is for. What claimd lets in is for the API too: of a token
// that userinfo vouches for nobody knows the audience.
func (w *walk) forThisAPI() bool {
	if w.Gate == nil || w.GateProblem != "" {
		return false
	}
	return w.Gate.Allowed || slices.ContainsFunc(w.Gate.Checks, func(c reason.Check) bool {
		return c.Name == reason.Audience.String() && c.Passed
	})
}

// findDenial asks the running claimd what it kept of the API's refusal.
func (t *tool) findDenial(ctx context.Context, w *walk) {
	if w.WithToken.DecisionID == "" {
		return
	}
	found, err := t.client().Denials(ctx, w.WithToken.DecisionID)
	w.asked = err == nil
	if len(found) > 0 {
		w.Denial = &found[0]
		w.WithToken.Reason = found[0].Reason.String() // what the gateway kept to itself
	}
}
