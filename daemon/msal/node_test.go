package msal_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// node gives the path of Node.js, where it and Microsoft's library are there. They are not part of a Go installation:
// without them the test is skipped, but not where CI is to run everything.
func node(t *testing.T) string {
	t.Helper()
	missing := t.Skip
	if os.Getenv("CI") != "" {
		missing = t.Fatal
	}
	path, err := exec.LookPath("node")
	if err != nil {
		missing("MSAL for Node.js needs node")
	}
	var want struct{ Dependencies map[string]string }
	var got struct{ Version string }
	readJSON(t, "testdata/package.json", &want)
	if _, err := os.Stat("testdata/node_modules/@azure/msal-node"); err != nil {
		missing("MSAL for Node.js is not installed; hint: make node-modules")
	}
	readJSON(t, "testdata/node_modules/@azure/msal-node/package.json", &got)
	if version := want.Dependencies["@azure/msal-node"]; got.Version != version {
		t.Fatalf("MSAL for Node.js is there in version %s, want %s\nhint: make node-modules", got.Version, version)
	}
	return path
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// said is a line that testdata/client.mjs prints.
type said struct {
	UserCode string // the device code flow has begun
	Token    string
	Username string // of the account
	Error    string // Entra's description
}

// runNode runs testdata/client.mjs with that flow, and gives the last thing that it says. signIn gets the user code.
func (s *site) runNode(t *testing.T, flow string, signIn func(userCode string), environment ...string) (last said) {
	t.Helper()
	command := exec.CommandContext(t.Context(), node(t), "testdata/client.mjs", flow)
	command.Env = append(os.Environ(), append(environment, "AUTHORITY="+s.authority(), "NODE_EXTRA_CA_CERTS="+s.caFile,
		"DESK="+deskApp, "SERVICE="+nightlyApp, "SCOPE="+apiScope)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		last = said{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		if last.UserCode != "" && signIn != nil {
			signIn(last.UserCode)
		}
	}
	if err := errors.Join(lines.Err(), command.Wait()); err != nil {
		t.Errorf("client.mjs %s: %v\n%s", flow, err, stderr.String())
	}
	return last
}

func TestClaimdTakesTheTokensThatMSALForNodeGets(t *testing.T) {
	node(t)
	certificate, key := newCertificate(t)
	directory := contoso()
	directory.DeviceCodeInterval = 1
	directory.Clients[1].Certificates = []string{certificate}
	s := newSite(t, directory)
	t.Run("a user's by device code", func(t *testing.T) {
		got := s.runNode(t, "device-code", func(userCode string) {
			if err := s.SignIn(userCode, "ada"); err != nil {
				t.Error(err)
			}
		})
		s.passes(t, got.Token, adaID, "Analysts")
		if want := "ada@contoso.example"; got.Username != want || got.Error != "" {
			t.Errorf("the account is %q, want %q (%s)", got.Username, want, got.Error)
		}
	})
	for name, credential := range map[string][]string{
		"a service's with a secret":      {"SECRET=" + secretOfApp},
		"a service's with a certificate": {"CERTIFICATE=" + certificate, "KEY=" + key},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.runNode(t, "client-credentials", nil, credential...)
			s.passes(t, got.Token, nightlyID, "Analysts")
			if got.Error != "" {
				t.Error(got.Error)
			}
		})
	}
}

func TestMSALForNodePassesOnWhatTheTenantSays(t *testing.T) {
	node(t)
	directory := contoso()
	directory.DeviceCodeInterval, directory.BlocksDeviceCode = 1, true
	s := newTenant(t, directory)
	got := s.runNode(t, "device-code", func(userCode string) { hasWords(t, s.SignIn(userCode, "ada"), "AADSTS53003") })
	hasWords(t, errors.New(got.Error), "invalid_grant") // the library keeps the number to itself in this flow
	got = s.runNode(t, "client-credentials", nil, "SECRET=wrong")
	hasWords(t, errors.New(got.Error), "invalid_client", "AADSTS7000215")
}
