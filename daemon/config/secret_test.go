package config

import (
	"os"
	"strings"
	"testing"
)

// withURL is a configuration whose database URL lies in DIR/secrets/url, with the account that it is judged for.
func withURL(t *testing.T, content string, mode os.FileMode, gid int) string {
	t.Helper()
	dir := folder(t, map[string]string{"secrets/url": content})
	write(t, dir+"/claimd.toml", "# x\n[directory]\nurl_file = \""+dir+"/secrets/url\"\n")
	chmod(t, dir, 0o755)
	chmod(t, dir+"/claimd.toml", 0o644)
	chmod(t, dir+"/secrets", 0o755)
	chmod(t, dir+"/secrets/url", mode)
	if gid >= 0 {
		must(t, os.Lchown(dir+"/secrets/url", 0, gid))
	}
	return dir
}

// FAULTS 102: the password of the database lay in a file that every user of the host could read.
func TestASecretMayBeReadByNobodyElse(t *testing.T) {
	needRoot(t)
	service := &Account{Name: "claimd", UID: 4321, Group: "claimd", GID: 4322}
	alone := &Account{UID: 4321, GID: NoGroup}
	const fault = "DIR/claimd.toml:3: directory.url_file: DIR/secrets/url: holds a secret: want it readable by no others, got mode "
	tests := map[string]struct {
		mode os.FileMode
		gid  int
		as   *Account
		want string
	}{
		"of the daemon's group":              {0o640, 4322, service, ""},
		"of the daemon itself":               {0o600, 0, nil, ""},
		"of the daemon and its group":        {0o640, 0, nil, ""},
		"for everybody":                      {0o644, 4322, service, "0644, so that everybody may read it\n  hint: chgrp claimd DIR/secrets/url && chmod 0640 DIR/secrets/url\n"},
		"for everybody, the daemon is root":  {0o644, 0, nil, "0644, so that everybody may read it\n  hint: chmod 0600 DIR/secrets/url\n"},
		"for another group and everybody":    {0o644, 50, service, "0644, so that group 50, everybody may read it\n  hint: chgrp claimd DIR/secrets/url && chmod 0640 DIR/secrets/url\n"},
		"for everybody but the group":        {0o604, 4322, alone, "0604, so that everybody may read it\n  hint: chmod 0600 DIR/secrets/url && setfacl -m u:4321:r DIR/secrets/url\n"},
		"for a group, whose is not known":    {0o644, 50, alone, "0644, so that group 50, everybody may read it\n  hint: chmod 0600 DIR/secrets/url && setfacl -m u:4321:r DIR/secrets/url\n"},
		"for others to run, which is no use": {0o641, 4322, service, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := withURL(t, "postgres://claimd:sesame@db.example/claimd\n", test.mode, test.gid)
			tree, faults := Read(dir+"/claimd.toml", ReadOptions{As: test.as})
			got := strings.ReplaceAll(told(faults), dir, "DIR")
			want := test.want
			if want != "" {
				want = fault + want
			}
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			config, _ := tree.Parse()
			if url := config.Directory.URL; (url == "") != (want != "") {
				t.Errorf("got the URL %q", url)
			}
		})
	}
}

// An access control list shows as the rights of the group: what counts is who stands in it.
func TestASecretsAccessControlListIsRead(t *testing.T) {
	const r, rw, none = 4, 6, 0
	base := []aclEntry{{aclOwner, rw, 0}, {aclGroup, none, 0}, {aclMask, r, 0}, {aclOther, none, 0}}
	tests := map[string]struct {
		more []aclEntry
		want string
	}{
		"nobody":           {nil, ""},
		"the daemon":       {[]aclEntry{{aclNamedUser, r, 4321}}, ""},
		"the daemon twice": {[]aclEntry{{aclNamedUser, r, 4321}, {aclNamedGroup, r, 4322}}, ""},
		"root":             {[]aclEntry{{aclNamedUser, r, 0}}, ""},
		"somebody":         {[]aclEntry{{aclNamedUser, r, 1000}}, "uid 1000"},
		"a group":          {[]aclEntry{{aclNamedUser, r, 1000}, {aclNamedGroup, r, 1000}}, "uid 1000, group 1000"},
		"somebody without": {[]aclEntry{{aclNamedUser, none, 1000}}, ""},
		"masked":           {[]aclEntry{{aclNamedUser, r, 1000}, {aclMask, none, 0}}, ""},
	}
	g := newGuard(&Account{UID: 4321, GID: 4322})
	for name, test := range tests {
		if got := strings.Join(g.strangers(0, 0o640, append(base, test.more...)), ", "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got, want := g.hide("/x", 0, true), "setfacl -b /x && chgrp 4322 /x && chmod 0640 /x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := newGuard(nil).hide("/x", os.Geteuid()+1, false), "chgrp "; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What a secret file holds is in the fingerprint, by which a reload knows it, and in nothing that is shown.
func TestASecretIsInNoHashThatIsShown(t *testing.T) {
	read := func(content string) *Tree {
		dir := withURL(t, content, 0o600, -1)
		tree, faults := Read(dir+"/claimd.toml", ReadOptions{})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		tree.Files, tree.Path = nil, "" // they hold the directory's name
		tree.Extra[0].Path = "/url"
		return tree
	}
	one, two := read("postgres://a:1@h/d"), read("postgres://a:2@h/d")
	if one.Hash() != two.Hash() || one.Fingerprint() == two.Fingerprint() || one.Fingerprint() == one.Hash() {
		t.Error("the hash tells the secret, or the fingerprint does not")
	}
	if one.Extra[0].SHA256 != "" {
		t.Error("the file's own hash is shown")
	}
}

func TestASecretIsOneLine(t *testing.T) {
	const at = "claimd.toml:2: directory.url_file: want one line, postgres://..., got "
	for content, want := range map[string]struct{ url, told string }{
		"postgres://a:s3same@h/d":           {"postgres://a:s3same@h/d", ""},
		"postgres://a:s3same@h/d\n":         {"postgres://a:s3same@h/d", ""},
		"postgres://a:s3same@h/d\r\n":       {"postgres://a:s3same@h/d", ""},
		" postgres://a:s3same@h/d \n":       {" postgres://a:s3same@h/d ", ""}, // whoever judges the URL refuses it
		"":                                  {"", at + "an empty file\n"},
		"\n":                                {"", at + "an empty file\n"},
		"postgres://a:s3same@h/d\n\n":       {"", at + "more\n"},
		"# it\npostgres://a:s3same@h/d\n":   {"", at + "more\n"},
		"postgres://a@h/d\npassword=s3same": {"", at + "more\n"},
	} {
		tree := treeOf("[directory]\nurl_file = \"/url\"\n")
		tree.Extra = []File{newNamedFile("/other", []byte("x"), true), newNamedFile("/url", []byte(content), true)}
		config, faults := tree.Parse()
		if config.Directory.URL != want.url || told(faults) != want.told || strings.Contains(told(faults), "s3same") {
			t.Errorf("%q: got %q and\n%s", content, config.Directory.URL, told(faults))
		}
	}
}
