package access

import (
	"net/http"
	"testing"
)

// CVE-2025-64484, CVE-2026-39858, CVE-2026-54763: servers behind a gateway read Remote_User and Remote.User as
// Remote-User, so a client that may send one of them is whoever it likes (FAULTS 111).
func TestAnIdentityHeaderIsKnownInEverySpelling(t *testing.T) {
	names := foldNames([]string{"Remote-User", "Remote-Groups", "X-Auth_Mail"})
	for _, c := range []struct {
		name string
		want bool
	}{
		{"Remote-User", true},
		{"remote-user", true},
		{"REMOTE_USER", true},
		{"Remote.User", true},
		{"rEmOtE_gRoUpS", true},
		{"X-Auth-Mail", true},
		{"X.Auth.Mail", true},
		{"Remote-Users", false},
		{"Remote-Use", false},
		{"Remote--User", false},
		{"RemoteUser", false},
		{"X-Remote-User", false},
		{"Remote-User ", false},
		{"", false},
	} {
		if got := names.has(c.name); got != c.want {
			t.Errorf("has(%q) = %v, want %v", c.name, got, c.want)
		}
		if got := names.brought(http.Header{"Accept": {"*/*"}, c.name: nil}); (got == c.name && c.want) != c.want {
			t.Errorf("brought(%q) = %q", c.name, got)
		}
	}
}

func TestTheFirstSpoofedHeaderIsNamed(t *testing.T) {
	names := foldNames([]string{"Remote-User", "Remote-Groups"})
	header := http.Header{"Remote_user": nil, "Remote.user": nil, "Remote-Groups": nil, "Accept": nil}
	for range 100 { // a map is walked in another order each time
		if got := names.brought(header); got != "Remote-Groups" {
			t.Fatalf("got %q, want the first in byte order", got)
		}
	}
	if got := foldNames(nil).brought(header); got != "" {
		t.Errorf("got %q where no header is configured", got)
	}
}

func TestLookingForSpoofedHeadersAllocatesNothing(t *testing.T) {
	names := foldNames([]string{"Remote-User", "Remote-Email", "Remote-Groups", "Remote-Roles"})
	header := http.Header{"Accept": nil, "User-Agent": nil, "Authorization": nil, "Remote-Addr": nil}
	if n := testing.AllocsPerRun(100, func() { _ = names.brought(header) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
