package opaque

import "time"

// counts are what has happened since New. Their owner guards them.
type counts struct {
	kept, keptRefusals, shared, asked, verified, refused, failed, shed, held uint64
}

// Stats are an Asker's figures at one moment, for metrics. The counters begin with New; tokens that are refused by their
// form alone are not counted.
type Stats struct {
	Kept         uint64 `json:"kept"`          // asked about and answered from what was kept
	KeptRefusals uint64 `json:"kept_refusals"` // asked about and refused from what was kept
	Shared       uint64 `json:"shared"`        // waited for a request that was under way
	Asked        uint64 `json:"asked"`         // requests to the provider
	Verified     uint64 `json:"verified"`      // of Asked: the provider vouches for the token
	Refused      uint64 `json:"refused"`       // of Asked: it does not
	Failed       uint64 `json:"failed"`        // of Asked: no answer that can be relied on
	Shed         uint64 `json:"shed"`          // not asked: too many requests under way
	Held         uint64 `json:"held"`          // not asked: the provider fails

	InFlight    int  `json:"in_flight"`
	Answers     int  `json:"answers"`       // kept now, those whose time is over among them
	AnswerBytes int  `json:"answer_bytes"`  // about what they take
	Refusals    int  `json:"refusals"`      // kept now
	NotAskedNow bool `json:"not_asked_now"` // the provider fails, and is left alone
}

// Stats gives the figures.
func (a *Asker) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counts
	return Stats{
		Kept: c.kept, KeptRefusals: c.keptRefusals, Shared: c.shared, Asked: c.asked, Verified: c.verified,
		Refused: c.refused, Failed: c.failed, Shed: c.shed, Held: c.held,
		InFlight: len(a.flights), Answers: a.answers.order.Len(), AnswerBytes: a.answers.size,
		Refusals: a.refusals.order.Len(), NotAskedNow: a.breaker.open,
	}
}

// Status is an Asker at one moment, for claimctl status.
type Status struct {
	Provider     string    `json:"provider"`
	Kind         Kind      `json:"kind"`
	Endpoint     string    `json:"endpoint,omitempty"`       // "" = no discovery document yet
	Error        string    `json:"error,omitempty"`          // "" = the last answer was good, or there was none
	FailingSince time.Time `json:"failing_since,omitzero"`   // of the first failure in a row
	NotAskedTill time.Time `json:"not_asked_until,omitzero"` // while the provider is left alone
	Stats        Stats     `json:"stats"`
}

// Status tells how the provider does.
func (a *Asker) Status() Status {
	status := Status{Provider: a.name, Kind: a.kind, Endpoint: a.endpoint(), Stats: a.Stats()}
	a.mu.Lock()
	defer a.mu.Unlock()
	status.Error = a.lastErr
	status.FailingSince = a.breaker.since.Round(0)
	if a.breaker.open {
		status.NotAskedTill = a.breaker.until.Round(0)
	}
	return status
}
