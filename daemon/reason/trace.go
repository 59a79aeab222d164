package reason

// Check is one check that a request went through.
type Check struct {
	Name   string `json:"name"`             // as in the contract's order of the checks: "issuer", "audience", ...
	Passed bool   `json:"passed"`           // whether it held
	Reason Reason `json:"reason,omitempty"` // why not
	Want   string `json:"want,omitempty"`   // what was wanted, in words or as the setting's value
	Got    string `json:"got,omitempty"`    // what was there; may hold claim values, never the token
	Mend   string `json:"mend,omitempty"`   // what would mend this very case; "" = Reason.Mend
}

// Trace collects checks in order. A nil *Trace records nothing, so that the path of a request needs no second form.
type Trace struct {
	Checks []Check
}

// Pass records a check that held.
func (t *Trace) Pass(name, got string) {
	if t != nil {
		t.Checks = append(t.Checks, Check{Name: name, Passed: true, Got: got})
	}
}

// Fail records a check that failed.
func (t *Trace) Fail(c Check) {
	if t != nil {
		c.Passed = false
		t.Checks = append(t.Checks, c)
	}
}

// GoesOn reports whether the checks go on after r: never without a trace, and with one where r.Continues.
func (t *Trace) GoesOn(r Reason) bool { return t != nil && r.Continues() }

// First gives the first check that failed: the reason that a request would get. ok is false if none failed.
func (t *Trace) First() (check Check, ok bool) {
	if t == nil {
		return Check{}, false
	}
	for _, c := range t.Checks {
		if !c.Passed {
			return c, true
		}
	}
	return Check{}, false
}
