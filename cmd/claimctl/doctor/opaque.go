package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
)

// askOpaque asks the provider about a token that was made up, as the running claimd asks about every token that is no JWT:
// the one right answer is that the provider does not know it.
func (v *visit) askOpaque(ctx context.Context) finding.Finding {
	p := v.provider
	if !p.TakesOpaque() {
		return finding.Finding{}
	}
	ring := keys.NewRing(keys.Options{Client: v.client})
	defer ring.Close()
	opened := ring.Open(v.source)
	_ = opened.Refresh(ctx) // documentCheck has told what failed
	asker, err := v.loaded.AskerOf(map[string]*keys.Provider{p.Name: opened})
	if err != nil {
		return finding.Untold("claimctl status tells how the provider answers the running claimd", "%v", err)
	}
	defer asker.Close()
	endpoint := asker.Status().Endpoint
	if endpoint == "" {
		return finding.Bad("look whether the provider has one (opaque_tokens); https is wanted",
			"the provider's document names no %s_endpoint that may be asked", p.OpaqueTokens)
	}
	_, err = asker.Ask(ctx, "claimctl-doctor-"+rand.Text())
	if err == nil {
		return finding.Bad("do not use this endpoint: it lets everybody in", "%s vouches for a token that was made up", endpoint)
	}
	return v.judgeOpaque(endpoint, err)
}

// judgeOpaque judges what came of asking.
func (v *visit) judgeOpaque(endpoint string, err error) finding.Finding {
	if refused, ok := errors.AsType[*opaque.Refused](err); ok {
		if refused.Reason != reason.OpaqueToken {
			return finding.Bad("", "%s answers about a token that was made up: %s", endpoint, refused.Detail)
		}
		if v.provider.Userinfo() {
			return finding.Good("%s does not vouch for a token that was made up", endpoint)
		}
		return finding.Good("%s takes the credential of %s, and does not vouch for a token that was made up", endpoint, v.provider.IntrospectionClientID)
	}
	unavailable, ok := errors.AsType[*opaque.Unavailable](err)
	if !ok {
		return finding.Untold("", "%s does not answer in time", endpoint)
	}
	problem, hint, hasHint := strings.Cut(unavailable.Detail, "\nhint: ")
	if hasHint {
		return finding.Bad(hint, "%s", problem)
	}
	return finding.Untold("such tokens are answered 503 provider_unavailable", "%s", problem)
}
