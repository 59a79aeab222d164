package access

import "time"

// Whoami is the identity as JSON, as /whoami answers.
type Whoami struct {
	Provider            string    `json:"provider"`
	User                string    `json:"user"`
	Kind                string    `json:"kind"` // "user" or "service_account"
	Email               string    `json:"email"`
	FirstName           string    `json:"first_name"`
	LastName            string    `json:"last_name"`
	Groups              []string  `json:"groups"` // never null
	Roles               []string  `json:"roles"`  // never null
	Admin               bool      `json:"admin"`
	ClientApplicationID string    `json:"client_application_id"`
	ExpiresAt           time.Time `json:"expires_at"` // RFC 3339, UTC
}

// Whoami gives the identity in its JSON form.
func (i *Identity) Whoami() Whoami {
	kind := "user"
	if i.ServiceAccount {
		kind = "service_account"
	}
	return Whoami{
		Provider:            i.Provider,
		User:                i.User,
		Kind:                kind,
		Email:               i.Email,
		FirstName:           i.FirstName,
		LastName:            i.LastName,
		Groups:              append([]string{}, i.Groups...),
		Roles:               append([]string{}, i.Roles...),
		Admin:               i.Admin,
		ClientApplicationID: i.ClientID,
		ExpiresAt:           i.Expires.UTC(),
	}
}
