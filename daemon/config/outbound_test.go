package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"syscall"
	"testing"
	"time"
)

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificatesAreReadWithTheFiles(t *testing.T) {
	roots := certificate(t)
	dir := folder(t, map[string]string{"ca.pem": roots, "conf.d/ca.toml": "# none\n"})
	write(t, dir+"/claimd.toml", "# x\n[outbound]\nca_file = \""+dir+"/ca.pem\"\n")
	chmod(t, dir+"/ca.pem", 0o644)
	tree, names, faults := read(dir, nil)
	config, found := tree.Parse()
	if names != "claimd.toml conf.d/ca.toml ca.pem" || faults != "" || len(found) > 0 || string(config.Outbound.CA) != roots {
		t.Errorf("got %q, %s and %v", names, faults, found)
	}
	before := tree.Hash()
	write(t, dir+"/ca.pem", roots+"\n")
	if tree, _, _ := read(dir, nil); tree.Hash() == before {
		t.Error("other certificates have the same hash")
	}
	write(t, dir+"/new.pem", "no certificate")
	tree, _, _ = read(dir, map[string]string{dir + "/ca.pem": dir + "/new.pem"})
	config, found = tree.Parse()
	if got := told(found); config.Outbound.CA != nil ||
		got != dir+"/claimd.toml:3: outbound.ca_file: want at least one certificate in PEM form, got none\n" {
		t.Errorf("got\n%s", got)
	}
}

// TestOnlyTheNamedFileHoldsRoots has a tree with another file beside.
func TestOnlyTheNamedFileHoldsRoots(t *testing.T) {
	tree := treeOf("[outbound]\nca_file = \"/etc/a.pem\"\n")
	tree.Extra = []File{newFile("/etc/b.pem", []byte(certificate(t))), newFile("/etc/a.pem", []byte(certificate(t)+"# a\n"))}
	config, faults := tree.Parse()
	if len(faults) > 0 || string(config.Outbound.CA) != string(tree.Extra[1].Bytes) {
		t.Errorf("got %q and %v", config.Outbound.CA, faults)
	}
}

// TestAFaultOfACAFileIsToldAtItsKey: it is the key that leads there.
func TestAFaultOfACAFileIsToldAtItsKey(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"missing": {
			func(t *testing.T, path string) {}, "DIR/claimd.toml:3: outbound.ca_file: DIR/roots/ca.pem: cannot be read: no such file or directory\n",
		},
		"a FIFO": {
			func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) }, "DIR/claimd.toml:3: outbound.ca_file: DIR/roots/ca.pem: want a file, got a FIFO\n",
		},
		"writable by others": {
			func(t *testing.T, path string) {
				write(t, path, "x")
				chmod(t, path, 0o666)
			},
			"DIR/claimd.toml:3: outbound.ca_file: DIR/roots/ca.pem: want it writable by its owner only, got mode 0666\n" +
				"  hint: chmod go-w DIR/roots/ca.pem\n",
		},
		"below a directory that is writable by others": {
			func(t *testing.T, path string) {
				write(t, path, "x")
				chmod(t, path[:len(path)-len("/ca.pem")], 0o777)
			},
			"DIR/claimd.toml:3: outbound.ca_file: DIR/roots: want it writable by its owner only, got mode 0777\n" +
				"  hint: chmod go-w DIR/roots\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"roots/x": ""})
			write(t, dir+"/claimd.toml", "# x\n[outbound]\nca_file = \""+dir+"/roots/ca.pem\"\n")
			test.make(t, dir+"/roots/ca.pem")
			tree, names, got := read(dir, nil)
			if got != test.want || names != "claimd.toml" {
				t.Errorf("got %q and\n%swant\n%s", names, got, test.want)
			}
			if config, _ := tree.Parse(); config != nil && config.Outbound.CA != nil {
				t.Error("got certificates")
			}
		})
	}
}

// TestTheEnvironmentIsNotRead: proxies are what the files say.
func TestTheEnvironmentIsNotRead(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "CLAIMD_ENABLED", "SSL_CERT_FILE", "STATE_DIRECTORY"} {
		t.Setenv(name, "http://proxy.example:3128")
	}
	config := parsed(t, minimal)
	if config.Outbound.Proxy != "" || config.Outbound.CA != nil || config.State.Directory != "/var/lib/claimd" {
		t.Errorf("got %+v", config)
	}
	if os.Getenv("HTTP_PROXY") == "" {
		t.Error("the environment was not set")
	}
}

func TestAdminSocketIsFoundAsFarAsTheFilesParse(t *testing.T) {
	tests := map[string]struct {
		main, more string
		mode       os.FileMode
		want       string
	}{
		"a sound file":               {"[admin]\nsocket = \"/run/a\"\n", "", 0o600, "/run/a"},
		"a dotted key":               {"admin.socket = \"/run/a\"\n", "", 0o600, "/run/a"},
		"not set":                    {"# x\n", "", 0o600, "/run/claimd/admin.sock"},
		"other faults":               {"enabeld = 1\n[admin]\nsocket = \"/run/a\"\n[provider.X]\n", "", 0o600, "/run/a"},
		"in conf.d":                  {"# x\n", "[admin]\nsocket = \"/run/b\"\n", 0o600, "/run/b"},
		"broken before it":           {"enabled = yes\n[admin]\nsocket = \"/run/a\"\n", "", 0o600, "/run/a"},
		"broken after it":            {"enabled = true\n[admin]\nsocket = \"/run/a\"\n[log\n", "", 0o600, "/run/a"},
		"broken after a dotted key":  {"admin.socket = \"/run/a\"\n[log\n", "", 0o600, "/run/a"},
		"broken in its table":        {"[admin]\nsocket = \"/run/a\nx", "", 0o600, "/run/claimd/admin.sock"},
		"one broken file of two":     {"[", "[admin]\nsocket = \"/run/b\"\n", 0o600, "/run/b"},
		"a path that is none":        {"[admin]\nsocket = \"run/a\"\n", "", 0o600, "/run/claimd/admin.sock"},
		"no string":                  {"[admin]\nsocket = 1\n", "", 0o600, "/run/claimd/admin.sock"},
		"no table":                   {"admin = \"/run/a\"\n", "", 0o600, "/run/claimd/admin.sock"},
		"a file that all may write":  {"[admin]\nsocket = \"/tmp/evil\"\n", "", 0o666, "/run/claimd/admin.sock"},
		"nothing but zero bytes yet": {"", "", 0o600, "/run/claimd/admin.sock"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"claimd.toml": test.main, "conf.d/a.toml": test.more})
			chmod(t, dir+"/claimd.toml", test.mode)
			if got := AdminSocket(dir + "/claimd.toml"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if got := AdminSocket("/nonexistent/claimd.toml"); got != DefaultAdminSocket {
		t.Errorf("got %s", got)
	}
}
