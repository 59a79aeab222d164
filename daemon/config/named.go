package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/claimd/claimd/mapping"
)

// credentialPrefix begins the value of a *_file key that names one of systemd's credentials (LoadCredential= of
// systemd.exec(5)) instead of a file.
const credentialPrefix = "credential:"

func isCredential(value string) bool { return strings.HasPrefix(value, credentialPrefix) }

// namedFile judges the value of a *_file key: an absolute path or credential:NAME.
func namedFile(value string) flaw {
	name, ok := strings.CutPrefix(value, credentialPrefix)
	switch {
	case !ok && !filepath.IsAbs(value):
		return flawf("want a path that begins with /, or credential:NAME, got %s", show(value))
	case !ok:
		return absolutePath(value)
	case !isCredentialName(name):
		return flaw{"want credential: and the name of one credential, got " + show(value), "a name is of letters, digits, -, _ and ."}
	}
	return flaw{}
}

// isCredentialName allows fewer names than systemd does (systemd.exec(5): any file name of ASCII): none that leads out of
// the directory, or that a unit file or a shell would take for something else.
func isCredentialName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 255 {
		return false
	}
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || r < 0x80 && isBare(byte(r)) }) == ""
}

// named reads what a *_file key names into the tree's Extra, as far as the files parse. A fault in it is told at the
// key; one in the value itself is told by Parse. A secret may be read by nobody else.
func (r *reader) named(key mapping.Path, secret bool) {
	root, _, _ := r.tree.merged()
	setting, ok := find(root, key)
	value, isText := setting.value.(string)
	if !ok || !isText || value == "" || namedFile(value).problem != "" {
		return
	}
	told := len(r.guard.faults)
	is := rule(r.guard.file)
	if secret {
		is = r.guard.secret
	}
	var bytes []byte
	if name, isName := strings.CutPrefix(value, credentialPrefix); isName {
		bytes, ok = r.credential(name)
	} else {
		bytes, ok = r.bytes(value, is)
	}
	if ok {
		r.tree.Extra = append(r.tree.Extra, newNamedFile(value, bytes, secret))
	}
	for i := told; i < len(r.guard.faults); i++ {
		fault := &r.guard.faults[i]
		if fault.File != "" {
			fault.Problem = fault.File + ": " + fault.Problem
		}
		fault.File, fault.Line, fault.Key = setting.place.File, setting.place.Line, KeyPath(key)
	}
}

// credential reads one of systemd's credentials. systemd alone writes them, when it starts the service: what a reload
// reads is what was there at the start.
func (r *reader) credential(name string) ([]byte, bool) {
	path := filepath.Join(r.options.Credentials, name)
	if r.options.Credentials != "" && exists(path) {
		return r.bytes(path, r.guard.credential)
	}
	if r.options.Outside {
		r.tree.unseen = true
		r.guard.faults = append(r.guard.faults, Fault{Problem: "can be read by the unit alone: not checked here", Notice: true})
		return nil, false
	}
	got := "none of that name"
	if r.options.Credentials == "" {
		got = "no credentials at all"
	}
	r.refuse("", "want the credential "+name+" from systemd, got "+got,
		"systemctl edit claimd, write [Service] and below it LoadCredential="+name+":/PATH/OF/THE/FILE, then systemctl restart claimd")
	return nil, false
}

// providerSecrets reads what the secret files of the providers hold, in byte order of the providers' names.
func (r *reader) providerSecrets() {
	root, _, _ := r.tree.merged()
	all := root.table["provider"]
	if all == nil || all.kind != object {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all.table)) {
		r.named(mapping.Path{"provider", name, "introspection_client_secret_file"}, true)
	}
}
