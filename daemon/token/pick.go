package token

import (
	"context"

	"github.com/claimd/claimd/daemon/entra"
)

// pick finds the provider: among those with the token's issuer the one with its audience. Where the audience fits none,
// it is the first, so that the audience is the reason later on. It reports whether there is one.
func (r *run) pick() bool {
	iss, ok := stringOf(r.unverified.iss)
	if !ok || len(iss) == 0 { // "" is an issuer that is not known yet
		return false
	}
	for i := range r.verifier.providers {
		p := &r.verifier.providers[i]
		for _, version := range p.versions() {
			if string(iss) != p.Keys.Issuer(version) {
				continue
			}
			fits := p.hears(version, r.unverified.aud)
			if fits || r.provider == nil {
				r.provider, r.version = p, version
			}
			if fits {
				return true
			}
		}
	}
	return r.provider != nil
}

// asleep gives the providers that may have issued the token, but have no issuer yet: it stands in documents that
// were never fetched. Only Entra ID's can be: any other's issuer is written in the configuration.
func (r *run) asleep() (providers []*Provider) {
	tid, ok := stringOf(r.unverified.tid)
	if !ok {
		return nil
	}
	for i := range r.verifier.providers {
		p := &r.verifier.providers[i]
		if !p.OIDC && string(tid) == p.Tenant && p.Keys.Issuer(r.unverifiedVersion()) == "" {
			providers = append(providers, p)
		}
	}
	return providers
}

// wake lets the providers that are asleep fetch their documents, as far as the limiter allows. It reports whether there
// are any.
func (r *run) wake(ctx context.Context) bool {
	providers := r.asleep()
	for _, p := range providers {
		// The key is asked for again once the issuer is known; then its error counts.
		_, _ = p.Keys.Lookup(ctx, r.unverifiedVersion(), r.header.keyID)
	}
	return len(providers) > 0
}

// unverifiedVersion is the version whose document would name the issuer.
func (r *run) unverifiedVersion() entra.Version {
	if ver, _ := stringOf(r.unverified.ver); string(ver) == string(entra.V1) {
		return entra.V1
	}
	return entra.V2
}
