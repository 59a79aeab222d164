package entratest

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/claimd/claimd/daemon/entra"
)

// Directory is what the tenant knows: the content of its small TOML file.
type Directory struct {
	TenantID string  `toml:"tenant_id"`
	APIs     []API   `toml:"api"`
	Clients  []App   `toml:"client"`
	Users    []User  `toml:"user"`
	Groups   []Group `toml:"group"`

	DeviceCodeSeconds  int  `toml:"device_code_seconds"`  // how long one is good; 0 = 900, as at Entra
	DeviceCodeInterval int  `toml:"device_code_interval"` // seconds that a device is to wait between polls; 0 = 5
	BlocksDeviceCode   bool `toml:"blocks_device_code"`   // Conditional Access does: 53003
	// RefusesInBrowser lets a refused sign-in be seen in the browser alone, as Entra mostly does: the device's code stays
	// pending. Otherwise the client hears of it too.
	RefusesInBrowser bool `toml:"refuses_in_browser"`
}

// API is the app registration of a protected API.
type API struct {
	ApplicationID      string   `toml:"application_id"`
	Name               string   `toml:"name"`
	IdentifierURIs     []string `toml:"identifier_uris"`
	AccessTokenVersion int      `toml:"requested_access_token_version"` // 1 or 2; 0 is 1, as null is in Entra
	Scopes             []string `toml:"scopes"`                         // none: user_impersonation
	GroupClaims        string   `toml:"group_claims"`                   // "object_id" (default) | "name"
	EmitsIDTyp         bool     `toml:"emits_idtyp"`                    // for app-only tokens, as Entra's default is
	OptionalClaims     []string `toml:"optional_claims"`                // of email, given_name, family_name, acct, xms_cc
	LifetimeSeconds    int      `toml:"lifetime_seconds"`               // 0 = 75 minutes
	ClaimsMapping      bool     `toml:"claims_mapping"`                 // a policy maps claims; it needs one of the next two, else 50146
	AcceptMappedClaims bool     `toml:"accept_mapped_claims"`           // 501461 for the audience api://...
	SigningKey         bool     `toml:"signing_key"`                    // one of its own signs its tokens; it is under ?appid= alone
	AssignmentRequired bool     `toml:"assignment_required"`            // 50105, for applications 501051, but for
	Assigned           []string `toml:"assigned"`                       // these names of users and ids of clients
	NotEnabled         bool     `toml:"not_enabled"`                    // the tenant has no service principal of it: 650052
}

// App is a client application.
type App struct {
	ApplicationID string   `toml:"application_id"`
	ObjectID      string   `toml:"object_id"` // of its service principal; "" = it calls for users only
	Name          string   `toml:"name"`
	Secret        string   `toml:"secret"` // "" = public client, unless there are certificates or expired secrets
	Roles         []string `toml:"roles"`  // app permissions for the API

	ExpiredSecrets    []string `toml:"expired_secrets"`     // 7000222
	Certificates      []string `toml:"certificates"`        // PEM, with RSA keys
	AllowPublicClient *bool    `toml:"allow_public_client"` // false: 7000218 without a credential; nil = true where there is none
	RedirectURIs      []string `toml:"redirect_uris"`       // nil = http://localhost, whose port is free; others are 50011
	Permissions       []string `toml:"permissions"`         // ids of the APIs it may ask for, others are 650057; nil = all
	NoConsent         bool     `toml:"no_consent"`          // 65001 for every user
	Disabled          bool     `toml:"disabled"`            // 7000112
	GraphPermissions  []string `toml:"graph_permissions"`   // of an application at Microsoft Graph, such as User.Read.All
}

// User is a user of the tenant.
type User struct {
	ObjectID   string         `toml:"object_id"`
	Name       string         `toml:"name"` // how Mint and the token endpoint find it
	Email      string         `toml:"email"`
	FirstName  string         `toml:"first_name"`
	LastName   string         `toml:"last_name"`
	Guest      bool           `toml:"guest"`
	Groups     []string       `toml:"groups"`      // object ids; over 200: the overage marker
	MoreGroups int            `toml:"more_groups"` // so many further groups, made up and without names
	Roles      []string       `toml:"roles"`       // app roles
	Claims     map[string]any `toml:"claims"`      // further claims, and those that replace; a nil value leaves one out
	Foreign    bool           `toml:"foreign"`     // of another tenant, and no guest in this one: 50020
	Disabled   bool           `toml:"disabled"`    // 50057
	MFA        string         `toml:"mfa"`         // "" | "required": 50076 | "enroll": 50079
}

// Group is a group of the tenant.
type Group struct {
	ObjectID string `toml:"object_id"`
	Name     string `toml:"name"`
}

//go:embed sample.toml
var sample []byte

// Sample gives the directory that fakeentra serves by default: an API, a public and a confidential client, and users of
// every kind, named reader, administrator, stranger, guest and collector (who is in 250 groups).
func Sample() Directory {
	directory, err := ReadDirectory(sample)
	if err != nil {
		panic("the embedded sample.toml: " + err.Error())
	}
	return directory
}

// ReadDirectory reads the tenant's TOML file. A key that it does not know is an error, as is a key in another case.
func ReadDirectory(data []byte) (Directory, error) {
	var directory Directory
	meta, err := toml.Decode(string(data), &directory)
	if err != nil {
		return Directory{}, fmt.Errorf("directory: %w", err)
	}
	if unknown := unknownKeys(meta); len(unknown) > 0 {
		return Directory{}, fmt.Errorf("directory: unknown key %s", strings.Join(unknown, ", "))
	}
	if err := directory.validate(); err != nil {
		return Directory{}, err
	}
	return directory, nil
}

// unknownKeys gives the keys that are not spelled exactly as the fields of Directory say: the decoder folds their case.
func unknownKeys(meta toml.MetaData) []string {
	known := map[string][]string{
		"": {"tenant_id", "api", "client", "user", "group", "device_code_seconds", "device_code_interval", "blocks_device_code",
			"refuses_in_browser"},
		"api": {"application_id", "name", "identifier_uris", "requested_access_token_version", "scopes", "group_claims",
			"emits_idtyp", "optional_claims", "lifetime_seconds", "claims_mapping", "accept_mapped_claims", "signing_key",
			"assignment_required",
			"assigned", "not_enabled"},
		"client": {"application_id", "object_id", "name", "secret", "roles", "expired_secrets", "certificates",
			"allow_public_client", "redirect_uris", "permissions", "no_consent", "disabled",
			"graph_permissions"},
		"user": {"object_id", "name", "email", "first_name", "last_name", "guest", "groups", "more_groups", "roles",
			"claims", "foreign", "disabled", "mfa"},
		"group": {"object_id", "name"},
	}
	var unknown []string
	for _, key := range meta.Keys() {
		depth := min(len(key), 2)
		table := strings.Join(key[:depth-1], ".")
		name, inClaims := key[depth-1], len(key) > 2 && key[0] == "user" && key[1] == "claims"
		if !inClaims && !slices.Contains(known[table], name) && !slices.Contains(unknown, key.String()) {
			unknown = append(unknown, key.String())
		}
	}
	return unknown
}

// validate tells the first thing that a tenant cannot be made of.
func (d Directory) validate() error {
	if err := wantGUID("tenant_id", d.TenantID); err != nil {
		return err
	}
	if d.TenantID != strings.ToLower(d.TenantID) {
		return fmt.Errorf("directory: tenant_id: want lower case, as Entra spells it, got %q", d.TenantID)
	}
	for i, api := range d.APIs {
		if err := api.validate(fmt.Sprintf("api[%d]", i), d.Users); err != nil {
			return err
		}
	}
	for i, client := range d.Clients {
		if err := client.validate(fmt.Sprintf("client[%d]", i)); err != nil {
			return err
		}
	}
	if d.DeviceCodeSeconds < 0 || d.DeviceCodeInterval < 0 {
		return fmt.Errorf("directory: device_code_seconds and device_code_interval: want no negative number, got %d and %d",
			d.DeviceCodeSeconds, d.DeviceCodeInterval)
	}
	for i, group := range d.Groups {
		if err := wantGUID(fmt.Sprintf("group[%d].object_id", i), group.ObjectID); err != nil {
			return err
		}
	}
	return d.validateUsers()
}

func (a API) validate(at string, users []User) error {
	if err := wantGUID(at+".application_id", a.ApplicationID); err != nil {
		return err
	}
	if a.AccessTokenVersion < 0 || a.AccessTokenVersion > 2 {
		return fmt.Errorf("directory: %s.requested_access_token_version: want 1 or 2, got %d", at, a.AccessTokenVersion)
	}
	if !slices.Contains([]string{"", "object_id", "name"}, a.GroupClaims) {
		return fmt.Errorf("directory: %s.group_claims: want object_id or name, got %q", at, a.GroupClaims)
	}
	for _, claim := range a.OptionalClaims {
		if !slices.Contains([]string{"email", "given_name", "family_name", "acct", "xms_cc"}, claim) {
			return fmt.Errorf("directory: %s.optional_claims: want email, given_name, family_name, acct or xms_cc, got %q", at, claim)
		}
	}
	for i, who := range a.Assigned {
		if !entra.IsGUID(who) && !slices.ContainsFunc(users, func(user User) bool { return user.Name == who }) {
			return fmt.Errorf("directory: %s.assigned[%d]: want the name of a user or the id of a client, got %q", at, i, who)
		}
	}
	if a.LifetimeSeconds < 0 {
		return fmt.Errorf("directory: %s.lifetime_seconds: want no negative number, got %d", at, a.LifetimeSeconds)
	}
	return nil
}

func (a App) validate(at string) error {
	if err := wantGUID(at+".application_id", a.ApplicationID); err != nil {
		return err
	}
	for i, id := range a.Permissions {
		if err := wantGUID(fmt.Sprintf("%s.permissions[%d]", at, i), id); err != nil {
			return err
		}
	}
	for i, certificate := range a.Certificates {
		if _, err := readCertificate(certificate); err != nil {
			return fmt.Errorf("directory: %s.certificates[%d]: %w", at, i, err)
		}
	}
	if a.ObjectID == "" {
		return nil
	}
	return wantGUID(at+".object_id", a.ObjectID)
}

func (d Directory) validateUsers() error {
	names := make(map[string]bool)
	for i, user := range d.Users {
		at := fmt.Sprintf("user[%d]", i)
		if user.Name == "" || names[user.Name] {
			return fmt.Errorf("directory: %s.name: want a name of its own, got %q", at, user.Name)
		}
		names[user.Name] = true
		if err := wantGUID(at+".object_id", user.ObjectID); err != nil {
			return err
		}
		for j, group := range user.Groups {
			if err := wantGUID(fmt.Sprintf("%s.groups[%d]", at, j), group); err != nil {
				return err
			}
		}
		if !slices.Contains([]string{"", "required", "enroll"}, user.MFA) {
			return fmt.Errorf("directory: %s.mfa: want required or enroll, got %q", at, user.MFA)
		}
		if user.MoreGroups < 0 || user.MoreGroups > 10_000 {
			return fmt.Errorf("directory: %s.more_groups: want 0 to 10000, got %d", at, user.MoreGroups)
		}
	}
	return nil
}

func wantGUID(key, value string) error {
	if !entra.IsGUID(value) {
		return fmt.Errorf("directory: %s: want a GUID, got %q", key, value)
	}
	return nil
}
