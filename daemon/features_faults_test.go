package daemon_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// soundHead is a provider without faults, and a group; line 8 comes next.
const soundHead = `[groups]
Analysts = ""
[provider.contoso]
tenant_id = "` + contosoTenant + `"
application_id = "` + apiApp + `"
client_application_ids = ["` + deskApp + `"]
required_scopes = ["` + readWrite + `"]
`

// faultsOf loads the text, and gives each fault with its hint as a line or two, notices marked as such.
func faultsOf(t *testing.T, text string) string {
	t.Helper()
	var lines []string
	for _, fault := range loadFaults(t, text) {
		fault.File = "claimd.toml"
		line := fault.String()
		if fault.Notice {
			line = "notice: " + line
		}
		if fault.Hint != "" {
			line += "\n  hint: " + fault.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// loadFaults gives everything that is said about the text, in order.
func loadFaults(t *testing.T, text string) config.Faults {
	t.Helper()
	file := t.TempDir() + "/claimd.toml"
	must(t, os.WriteFile(file, []byte(text), 0o600))
	loaded, err := daemon.Load(file, config.ReadOptions{})
	if err == nil {
		return loaded.Notices
	}
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("got %v, want faults", err)
	}
	return faults
}

// flawed is a configuration and everything that is said about it.
type flawed struct{ text, want string }

func wantFaults(t *testing.T, rows []flawed) {
	t.Helper()
	for _, row := range rows {
		if got := faultsOf(t, row.text); got != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.text, got, row.want)
		}
	}
}
