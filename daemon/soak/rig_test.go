package soak

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// rig is all that a claimd needs to run: a directory of files with the right modes, and a tenant. It goes with the test.
type rig struct {
	t      *testing.T
	dir    string // holds etc/, run/ and state/
	etc    string // holds file
	file   string // claimd.toml
	tenant *tenant
}

// newRig makes a rig whose tenant is served from this process.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := newFiles(t)
	r.tenant = newTenant(t)
	return r
}

// newRigApart makes a rig whose tenant is a process of its own.
func newRigApart(t *testing.T) *rig {
	t.Helper()
	r := newFiles(t)
	r.tenant = newTenantApart(t)
	return r
}

func newFiles(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	r := &rig{t: t, dir: dir, etc: filepath.Join(dir, "etc"), file: filepath.Join(dir, "etc/claimd.toml")}
	for _, folder := range []string{"etc", "run", "state"} {
		must(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	}
	return r
}

// toml is a configuration that lets the desk app's users in whose group is Analysts, changed by pairs of what stands in
// it and what takes its place.
func (r *rig) toml(changes ...string) string {
	r.t.Helper()
	text := `enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiID + `"
client_application_ids = ["` + deskApp + `"]
authority = "` + r.tenant.authority + `"
[groups]
` + analysts + ` = "Analysts"
` + r.places()
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			r.t.Fatalf("%q does not stand in the configuration", changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// places are the tables that name places on this host.
func (r *rig) places() string {
	return `[server]
listen = ["127.0.0.1:0"]
[admin]
socket = "` + r.dir + `/run/admin.sock"
[state]
directory = "` + r.dir + `/state"
`
}

// write saves claimd.toml in one step.
func (r *rig) write(text string) {
	r.t.Helper()
	must(r.t, os.WriteFile(r.file+".new", []byte(text), 0o600), os.Rename(r.file+".new", r.file))
}

// token is the user's, from the desk app, with changes to its claims (nil takes one out).
func (r *rig) token(user string, changes map[string]any) string {
	r.t.Helper()
	return r.tenant.mint(entratest.Request{User: user, Client: deskApp, Claims: changes})
}

func must(t *testing.T, problems ...error) {
	t.Helper()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
}
