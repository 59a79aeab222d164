package keys

import (
	"slices"
	"time"
)

// Status is a Provider at one moment.
type Status struct {
	Provider  string           `json:"provider"`
	Live      bool             `json:"live"`
	Documents []DocumentStatus `json:"documents"` // v1.0, then v2.0; the application's own after them
}

// DocumentStatus is one version's document and key set.
type DocumentStatus struct {
	Version     string      `json:"version"`               // "1.0" or "2.0" of Entra ID's tokens; "" of another provider
	Application bool        `json:"application,omitempty"` // the keys are good for this application's tokens only (?appid=)
	URL         string      `json:"url"`
	KeysURL     string      `json:"keys_url,omitempty"`
	Issuer      string      `json:"issuer,omitempty"`
	Source      string      `json:"source"` // "network", "disk" or "none"
	FetchedAt   time.Time   `json:"fetched_at,omitzero"`
	AttemptedAt time.Time   `json:"attempted_at,omitzero"`
	Error       string      `json:"error,omitempty"` // of the last attempt, "" = it was good
	Live        bool        `json:"live"`
	Keys        []KeyStatus `json:"keys"` // by id; empty, never nil
}

// Edition names the document among those of its provider, in a few fixed words: "1.0", "2.0", "1.0 appid", "2.0 appid" of
// Entra ID, "openid" of any other.
func (d DocumentStatus) Edition() string {
	switch {
	case d.Version == string(Unversioned):
		return "openid"
	case d.Application:
		return d.Version + " appid"
	}
	return d.Version
}

// KeyStatus is one key of a set.
type KeyStatus struct {
	ID      string `json:"id"`                // escaped where it is not plain ASCII, and cut after 128 bytes
	Type    string `json:"type"`              // "RSA 2048", "EC P-256"
	Ignored string `json:"ignored,omitempty"` // why it is not used
}

// Status tells what the provider's keys are, for claimctl keys and status.
func (p *Provider) Status() Status {
	s, now := p.state.Load(), p.ring.now()
	status := Status{Provider: p.source.Name}
	for i, e := range p.editions {
		d := DocumentStatus{
			Version:     string(e.version),
			Application: e.application,
			URL:         e.url,
			Issuer:      p.Issuer(e.version),
			Source:      "none",
			AttemptedAt: s.tries[i].at.Round(0),
			Live:        s.sets[i].live(now),
			Keys:        []KeyStatus{},
		}
		if err := s.tries[i].err; err != nil {
			d.Error = err.Error()
		}
		if set := s.sets[i]; set != nil {
			d.fill(set)
		}
		status.Live = status.Live || d.Live
		status.Documents = append(status.Documents, d)
	}
	return status
}

// fill adds what a fetched set tells.
func (d *DocumentStatus) fill(set *keySet) {
	d.KeysURL = set.document.keysURL
	d.Source = "network"
	if set.fromDisk {
		d.Source = "disk"
	}
	d.FetchedAt = set.fetchedAt.Round(0)
	d.Keys = slices.Clone(set.status)
}
