package token

// actorClaims speak of somebody who acts for the subject: act and may_act (RFC 8693 sections 4.1 and 4.4), and
// actortoken, in which Microsoft's own services pass each other's on. Nobody's identity is ever taken from them.
var actorClaims = [...]string{"act", "actortoken", "may_act"}

// Actors gives the names of those claims that the token has, whatever their values; nil where it has none.
func (c *Claims) Actors() []string {
	var names []string
	for _, name := range actorClaims {
		if c.raw(name) != nil {
			names = append(names, name)
		}
	}
	return names
}
