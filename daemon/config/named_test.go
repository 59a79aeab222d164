package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestACredentialIsReadFromSystemdsDirectory: in it modes are systemd's, and the owner and the size count as elsewhere.
func TestACredentialIsReadFromSystemdsDirectory(t *testing.T) {
	const lacks = "DIR/claimd.toml:2: outbound.ca_file: want the credential ca from systemd, got WHAT\n" +
		"  hint: systemctl edit claimd, write [Service] and below it LoadCredential=ca:/PATH/OF/THE/FILE, then systemctl restart claimd\n"
	const unseen = "notice: DIR/claimd.toml:2: outbound.ca_file: can be read by the unit alone: not checked here\n"
	tests := map[string]struct {
		directory string // below DIR
		outside   bool
		make      func(t *testing.T, path string)
		want      string // "" = it is read
	}{
		"as systemd puts it there":                {"credentials", false, func(t *testing.T, path string) { chmod(t, path, 0o400) }, ""},
		"with the mode of an access control list": {"credentials", false, func(t *testing.T, path string) { chmod(t, path, 0o460) }, ""},
		"in the unit of a claimctl check":         {"credentials", true, func(*testing.T, string) {}, ""},
		"none of that name": {
			"credentials", false, func(t *testing.T, path string) { must(t, os.Remove(path)) }, strings.Replace(lacks, "WHAT", "none of that name", 1),
		},
		"no directory":                  {"", false, func(*testing.T, string) {}, strings.Replace(lacks, "WHAT", "no credentials at all", 1)},
		"no directory, outside":         {"", true, func(*testing.T, string) {}, unseen},
		"the directory of another unit": {"credentials", true, func(t *testing.T, path string) { must(t, os.Remove(path)) }, unseen},
		"one that leads out by a link": {
			"credentials", false, func(t *testing.T, path string) {
				must(t, os.Remove(path))
				write(t, filepath.Dir(path)+"/../open/ca", "x")
				chmod(t, filepath.Dir(path)+"/../open", 0o777)
				symlink(t, "../open/ca", path)
			}, "DIR/claimd.toml:2: outbound.ca_file: DIR/open: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/open\n",
		},
		"one that is too large": {
			"credentials", false, func(t *testing.T, path string) { must(t, os.Truncate(path, maxFileBytes+1)) },
			"DIR/claimd.toml:2: outbound.ca_file: DIR/credentials/ca: want at most 4 MiB, got more\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			roots := certificate(t)
			dir := folder(t, map[string]string{"claimd.toml": "[outbound]\nca_file = \"credential:ca\"\n", "credentials/ca": roots})
			test.make(t, dir+"/credentials/ca")
			options := ReadOptions{Outside: test.outside}
			if test.directory != "" {
				options.Credentials = filepath.Join(dir, test.directory)
			}
			tree, faults := Read(dir+"/claimd.toml", options)
			if got := strings.ReplaceAll(told(faults), dir, "DIR"); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			config, found := tree.Parse()
			if len(found) > 0 {
				t.Errorf("got %v beside", found)
			}
			if test.want != "" {
				if len(tree.Extra) > 0 || tree.Whole() || config != nil && config.Outbound.CA != nil {
					t.Errorf("got %v", tree.Extra)
				}
				return
			}
			if !tree.Whole() || len(tree.Extra) != 1 || tree.Extra[0].Path != "credential:ca" || string(config.Outbound.CA) != roots {
				t.Errorf("got %v and the roots %q", tree.Extra, config.Outbound.CA)
			}
		})
	}
}

// TestACredentialOfSomebodyElseIsRefused: systemd's are root's or the service's own.
func TestACredentialOfSomebodyElseIsRefused(t *testing.T) {
	needRoot(t)
	dir := folder(t, map[string]string{"claimd.toml": "[outbound]\nca_file = \"credential:ca\"\n", "credentials/ca": "x"})
	chmod(t, dir+"/claimd.toml", 0o644)
	must(t, os.Lchown(dir+"/credentials/ca", 4321, -1))
	_, faults := Read(dir+"/claimd.toml", ReadOptions{Credentials: dir + "/credentials"})
	const want = "DIR/claimd.toml:2: outbound.ca_file: DIR/credentials/ca: want the owner root, got uid 4321\n  hint: chown root DIR/credentials/ca\n"
	if got := strings.ReplaceAll(told(faults), dir, "DIR"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, faults := Read(dir+"/claimd.toml", ReadOptions{Credentials: dir + "/credentials", As: &Account{UID: 4321, GID: 4321}}); len(faults) > 0 {
		t.Errorf("got %v for its owner", faults)
	}
}

// TestTheHashHoldsTheCredential: the same files with another credential are another configuration, wherever claimd was
// started; one whose credential was not seen is none of them.
func TestTheHashHoldsTheCredential(t *testing.T) {
	dir := folder(t, map[string]string{"claimd.toml": "[outbound]\nca_file = \"credential:ca\"\n", "one/ca": "1", "two/ca": "2", "three/ca": "1"})
	hash := func(options ReadOptions) string {
		tree, _ := Read(dir+"/claimd.toml", options)
		return tree.Hash()
	}
	one := hash(ReadOptions{Credentials: dir + "/one"})
	if one == hash(ReadOptions{Credentials: dir + "/two"}) || one == hash(ReadOptions{Outside: true}) {
		t.Error("other credentials have the same hash")
	}
	t.Chdir(dir + "/two")
	if again := hash(ReadOptions{Credentials: dir + "/three"}); again != one {
		t.Errorf("got %s for the same credential elsewhere, want %s", again, one)
	}
}

func TestACredentialsNameIsThatOfOneFile(t *testing.T) {
	for name, want := range map[string]bool{
		"ca": true, "ca.pem": true, "A-b_9": true, ".hidden": true, strings.Repeat("a", 255): true,
		"": false, ".": false, "..": false, "a/b": false, "../ca": false, "/etc/shadow": false, "a b": false, "a\x00": false, "a%i": false,
		"a:b": false, "ä": false, "a\n": false, strings.Repeat("a", 256): false,
	} {
		if got := namedFile("credential:"+name).problem == ""; got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
