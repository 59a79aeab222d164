package soak

import (
	"fmt"
	"slices"
	"strings"
)

// variant is one of two configurations that contradict each other in all that an answer can show: who may call, which
// groups are local, who is an administrator, which roles everyone has, and the headers' names.
type variant int

const (
	first  variant = 0 // Analysts, who are administrators; desk and first app
	second variant = 1 // Operators, no administrators; desk and second app
)

func (v variant) other() variant { return 1 - v }

func (v variant) String() string { return [2]string{"first", "second"}[v] }

// whole is the variant in one file; number makes its bytes different from those of every other save.
//
// What a save leaves half done must be a fault, however long the host takes for the other half: default_roles stands
// near the top and the role that it names is the last line, so the beginning of the text is never a configuration, and
// neither is the beginning of one variant with the end of the other.
func (r *rig) whole(v variant, number int) string {
	provider, tail := v.parts()
	return fmt.Sprintf("# save %d\n", number) + r.head() + provider + r.places() + tail
}

// base and part are the variant in two files; base alone is a fault, as it says of nobody that he may call.
func (r *rig) base() string { return r.head() + r.places() }

func (v variant) part(number int) string {
	provider, tail := v.parts()
	return fmt.Sprintf("# save %d\n[provider.contoso]\n", number) + provider + tail
}

func (r *rig) head() string {
	return `enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiID + `"
authority = "` + r.tenant.authority + `"
`
}

// parts gives the lines below [provider.contoso], and the tables.
func (v variant) parts() (provider, tail string) {
	if v == first {
		return `client_application_ids = ["` + deskApp + `", "` + firstApp + `"]
admin_group = "` + analysts + `"
[mapping]
default_roles = ["of-first"]
`, `[groups]
` + analysts + ` = "Analysts"
[roles]
of-first = ""
`
	}
	return `client_application_ids = ["` + deskApp + `", "` + secondApp + `"]
[mapping]
default_roles = ["of-second"]
`, `[server.headers]
user = "Team-User"
email = "Team-Email"
name = "Team-Name"
groups = "Team-Groups"
roles = "Team-Roles"
admin = "Team-Admin"
provider = "Team-Provider"
client = "Team-Client"
[groups]
` + operators + ` = "Operators"
[roles]
of-second = ""
`
}

// kind is one of the tokens that the load sends.
type kind struct {
	name, user, client string
	want               [2]string // by variant: the whole answer, as shown gives it
}

func kinds() []kind {
	forbidden := func(reason string) string {
		return "403 " + reason + "; Cache-Control: no-store; Content-Type: application/json; Www-Authenticate: Bearer; X-Content-Type-Options: nosniff"
	}
	asFirst := func(user, email, name string) string {
		return "200; Cache-Control: no-store; Remote-Admin: true; Remote-Email: " + email + "; Remote-Groups: " + analysts +
			"; Remote-Name: " + name + "; Remote-Provider: contoso; Remote-Roles: of-first; Remote-User: " + user
	}
	asSecond := func(client string) string {
		return "200; Cache-Control: no-store; Team-Admin: false; Team-Client: " + client + "; Team-Email: ada@contoso.example; Team-Groups: " +
			operators + "; Team-Name: Ada Lovelace; Team-Provider: contoso; Team-Roles: of-second; Team-User: " + adaID
	}
	ada := asFirst(adaID, "ada@contoso.example", "Ada Lovelace")
	return []kind{
		{"Ada from the desk app", "ada", deskApp, [2]string{ada, asSecond(deskApp)}},
		{"Ada from the first app", "ada", firstApp, [2]string{ada, forbidden("client")}},
		{"Ada from the second app", "ada", secondApp, [2]string{forbidden("client"), asSecond(secondApp)}},
		{"Bob from the desk app", "bob", deskApp, [2]string{asFirst(bobID, "bob@contoso.example", ""), forbidden("no_group")}},
	}
}

// shown is the whole answer as one line: status, reason, and every header field but those that differ each time.
func shown(a *answer) string {
	parts := []string{fmt.Sprint(a.status)}
	if _, rest, ok := strings.Cut(string(a.body), `"reason":"`); ok {
		reason, _, _ := strings.Cut(rest, `"`)
		parts[0] += " " + reason
	}
	var fields []string
	for line := range strings.Lines(string(a.fields)) {
		line = strings.TrimRight(line, "\r\n")
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains([]string{"Date", "Content-Length", "X-Claimd-Decision"}, name) {
			fields = append(fields, line)
		}
	}
	slices.Sort(fields)
	return strings.Join(append(parts, fields...), "; ")
}
