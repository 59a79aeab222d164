package soak

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/claimd/claimd/daemon/entratest"
)

func asks(token string) []byte { return get("/auth", bearer(token)) }

// overage are the changes to claims that leave the groups out.
func overage() map[string]any {
	return map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}}
}

// prepareEntra makes the questions of a tenant of Entra ID.
func (s *side) prepareEntra() {
	s.t.Helper()
	first := s.tenant.KeyIDs()[0] // which claimd knows, whatever rotates
	mint := func(user string, changes map[string]any) string {
		token, err := s.tenant.Mint(entratest.Request{User: user, Client: deskApp, Claims: changes, KeyID: first})
		must(s.t, err)
		return token
	}
	add := func(name, token, right string) {
		s.kept = append(s.kept, question{name: name, request: asks(token), right: right})
	}
	ada := mint("ada", nil)
	add("ada", ada, s.passes(adaID))
	add("bob", mint("bob", nil), s.passes(bobID))
	add("of version 1.0", s.ofVersion(1), s.passes(adaID))
	add("without a group that counts", mint("ada", map[string]any{"groups": []string{operators}}), "403 no_group")
	add("expired", mint("ada", map[string]any{"iat": hoursAgo(3), "nbf": hoursAgo(3), "exp": hoursAgo(2)}), "401 expired")
	add("not valid yet", mint("ada", map[string]any{"nbf": hoursAgo(-1)}), "401 not_yet_valid")
	add("of another audience", mint("ada", map[string]any{"aud": deskApp}), "401 audience")
	another, err := s.tenant.Mint(entratest.Request{User: "ada", Client: firstApp})
	must(s.t, err)
	add("of another client", another, "403 client")
	parts := strings.Split(ada, ".")
	add("with another signature", parts[0]+"."+parts[1]+"."+flipped(parts[2]), "401 signature")
	stranger, err := strangerTenant(s.t).Mint(entratest.Request{User: "ada", Client: deskApp})
	must(s.t, err)
	add("of a strange tenant", stranger, "401 issuer")
	add("signed by another provider's key of that id", s.jumpcloud.forge(s.tenant.KeyIDs()[0], ada), "401 signature")
	if s == s.contoso {
		add("with groups left out, which nobody may ask for", mint("ada", overage()), "403 groups_overage")
		s.fresh = func(int) question {
			return question{name: "new", request: asks(mint("ada", nil)), right: s.passes(adaID)}
		}
		return
	}
	s.prepareGraph(mint)
}

func (s *side) ofVersion(version int) string {
	s.t.Helper()
	token, err := s.tenant.Mint(entratest.Request{User: "ada", Client: deskApp, Version: version})
	must(s.t, err)
	return token
}

// graphCache is how long Graph's answers are kept: in the short form for all of it, in the long one for less than it
// takes until a user of the crowd comes again.
func graphCache() string {
	if long() > 0 {
		return "30s"
	}
	return "5m"
}

// prepareGraph makes the questions that Microsoft Graph is asked for.
func (s *side) prepareGraph(mint func(string, map[string]any) string) {
	trap := map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"},
		"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": s.tenant.ClaimSource("ada")}}}
	s.kept = append(s.kept,
		question{name: "ada's groups at Graph", request: asks(mint("ada", trap)), right: s.passes(adaID), leans: long() > 0},
		question{name: "a nobody's groups at Graph", request: asks(mint(crowdName(2), overage())), right: "403 no_group", leans: long() > 0})
	s.fresh = func(n int) question {
		n = 3 + n%(graphCrowd-3)
		token := mint(crowdName(n), overage())
		q := question{name: "new groups at Graph", request: asks(token), right: s.passes(crowdID(n)), leans: true, fresh: true}
		if n%3 == 2 {
			q.right = "403 no_group"
		}
		return q
	}
}

// prepareOpenID makes the questions of a provider that is not Entra ID.
func (s *side) prepareOpenID() {
	s.t.Helper()
	rights := []struct{ who, right string }{
		{"ada", s.passes("ada")}, {"bob", s.passes("bob")}, {"ungrouped", "403 no_group"}, {"audience", "401 audience"},
		{"client", "403 client"},
	}
	for _, r := range rights {
		s.kept = append(s.kept, question{name: r.who, request: asks(s.openID.token(r.who, "")), right: r.right})
	}
	ada := s.openID.token("ada", "")
	parts := strings.Split(ada, ".")
	for _, q := range []struct{ name, token, right string }{
		{"expired", s.openID.token("expired", ""), "401 expired"},
		{"not valid yet", s.openID.token("early", ""), "401 not_yet_valid"},
		{"of a strange issuer", s.openID.token("foreign", ""), "401 issuer"},
		{"with another signature", parts[0] + "." + parts[1] + "." + flipped(parts[2]), "401 signature"},
		{"signed by another provider's key of that id", s.sibling().forge(s.openID.shared, ada), "401 signature"},
	} {
		s.kept = append(s.kept, question{name: q.name, request: asks(q.token), right: q.right})
	}
	if s == s.jumpcloud {
		s.fresh = func(int) question {
			return question{name: "new", request: asks(s.openID.token("ada", s.openID.first)), right: s.passes("ada")}
		}
		return
	}
	type answered = struct{ who, right string }
	for _, r := range append(rights, answered{"nobody", "401 opaque_token"}, answered{"foreign", "401 issuer"}) {
		s.kept = append(s.kept, question{name: "opaque, " + r.who, request: asks(r.who + "-0"), right: r.right, leans: true})
	}
	s.minted.Store(1)
	s.fresh = func(n int) question {
		r := rights[n%len(rights)]
		return question{name: "opaque and new, " + r.who, request: asks(fmt.Sprint(r.who, "-", n)), right: r.right, leans: true, fresh: true}
	}
}

// sibling is the other provider that is not Entra ID.
func (s *side) sibling() *side {
	if s == s.jumpcloud {
		return s.partner
	}
	return s.jumpcloud
}

// forge signs the payload of another provider's token with this provider's key, under that id.
func (s *side) forge(keyID, like string) string {
	s.t.Helper()
	_, rest, _ := strings.Cut(like, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	must(s.t, err)
	token, err := s.openID.signer.Mint(entratest.Request{User: "ada", RawPayload: raw, Header: map[string]any{"kid": keyID}})
	must(s.t, err)
	return token
}
