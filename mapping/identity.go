package mapping

// Identity is who the caller is to the protected API. It holds nothing that the rules did not name.
type Identity struct {
	Provider       string
	ID             string // the user claim; for a service account the object id
	User           string // UserPrefix + ID
	ServiceAccount bool
	Email          string // like the names: empty unless the claim is a string
	FirstName      string
	LastName       string
	Groups         []string // local names in byte order, each once; may be empty, never nil
	Roles          []string // likewise
	Admin          bool
	Unmatched      int // how many different claim values (groups and roles together) named nothing local; "" counts as one
}
