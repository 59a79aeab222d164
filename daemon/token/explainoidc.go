package token

import (
	"strconv"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/reason"
)

// What explain.go says where Entra ID's words would be wrong.

func (p *Provider) explainAudience(got string) reason.Check {
	check := reason.Check{
		Want: "one of audiences of [provider." + p.Name + "]: " + strings.Join(p.Audiences, ", "), Got: got,
		Mend: "let the client ask for a token for this API; if the provider writes " + got + " for it, add that to audiences under [provider." + p.Name + "]",
	}
	if got == absent {
		check.Mend = "let the client ask for a token for this API: this one is for nobody in particular, as a refresh token is"
	}
	if len(p.Audiences) == 0 {
		check.Want, check.Mend = "[provider."+p.Name+"] takes no JWT: it names no audiences", ""
	}
	return check
}

func (p *Provider) explainClient(id string) reason.Check {
	check := reason.Check{
		Want: "one of client_ids of [provider." + p.Name + "]: " + strings.Join(p.ClientIDs, ", "),
		Got:  "the client " + shown(id),
		Mend: "if this client may call, add " + strconv.Quote(id) + " to client_ids under [provider." + p.Name + "]",
	}
	if len(p.ClientIDs) == 0 {
		check.Want = "client_ids of [provider." + p.Name + "] is empty: nobody may call"
	}
	return check
}

// said writes what a token says of one time.
func said(name string, t time.Time) string {
	if t.IsZero() {
		return "no " + name
	}
	return name + " " + instant(t)
}

// bound says what else the times are held against.
func (t times) bound() string {
	if t.unbounded {
		return ""
	}
	return ", and exp at most 29 hours after iat"
}
