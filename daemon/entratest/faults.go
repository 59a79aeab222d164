package entratest

import "time"

// Faults make the tenant misbehave. The zero value behaves.
type Faults struct {
	Status       int                                   // answer documents and keys with this status
	Delay        time.Duration                         // before each answer
	ShuffleKeys  bool                                  // keys in random order (Entra promises none)
	ExtraMembers bool                                  // unknown members in documents, keys, claims
	HalfV1       bool                                  // every second minted token is v1.0, unless its version is asked for
	Refuse       int                                   // this AADSTS number is the answer of the OAuth endpoints
	RefuseAt     string                                // only that of "token", "devicecode" or "authorize"; "" = of all
	Rewrite      func(what string, body []byte) []byte // changes documents and key sets at will; nil = not
}

// SetFaults makes the tenant misbehave from now on. Rewrite may be called at once from many requests; what is as in
// Requests.
func (t *Tenant) SetFaults(faults Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = faults
}

// refuses reports whether the OAuth endpoint of that name refuses everything.
func (f Faults) refuses(what string) bool {
	return f.Refuse != 0 && (f.RefuseAt == "" || f.RefuseAt == what)
}

func (t *Tenant) currentFaults() Faults {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults
}
