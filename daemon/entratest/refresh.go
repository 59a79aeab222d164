package entratest

import "slices"

// refreshToken is one that the tenant gave out.
type refreshToken struct {
	text string
	signedIn
	ended *failure // nil: it is good
}

// ExpireRefreshTokens lets every refresh token so far be refused with AADSTS70043 (the sign-in frequency of Conditional
// Access), or where inactive is set with AADSTS700082.
func (t *Tenant) ExpireRefreshTokens(inactive bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, token := range t.refreshes {
		token.ended = &refreshExpired
		if inactive {
			token.ended = &refreshInactive
		}
	}
}

// newRefreshToken gives a refresh token for what the user has now.
func (t *Tenant) newRefreshToken(who signedIn) string {
	token := &refreshToken{text: "0." + randomText(60), signedIn: who}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refreshes = keep(t.refreshes, token)
	return token.text
}

// redeemRefresh gives what the refresh token stands for, for the scope that is asked for now; "" = that of the first
// time. The token stays good.
func (t *Tenant) redeemRefresh(caller caller, text, scope string) (signedIn, *refusal) {
	if text == "" {
		return signedIn{}, noField.with("refresh_token")
	}
	t.mu.Lock()
	at := slices.IndexFunc(t.refreshes, func(token *refreshToken) bool { return same(token.text, text) })
	var token refreshToken
	if at >= 0 {
		token = *t.refreshes[at]
	}
	t.mu.Unlock()
	switch {
	case at < 0 || token.caller.ApplicationID != caller.ApplicationID:
		return signedIn{}, wrongRefresh.with()
	case token.ended != nil:
		return signedIn{}, token.ended.with()
	}
	who := signedIn{caller: caller, user: token.user, wish: token.wish}
	if scope != "" {
		wish, refusal := t.readWish(caller.App, scope)
		if refusal != nil {
			return signedIn{}, refusal
		}
		who.wish = wish
	}
	return who, t.mayHave(caller.App, who.wish, who.user, false)
}
