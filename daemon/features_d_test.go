package daemon_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// The rows D5 to D9: the files, and who may call.

func files(t *testing.T, _ *world) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/conf.d", 0o700), os.WriteFile(dir+"/claimd.toml", []byte(soundHead), 0o600),
		os.WriteFile(dir+"/conf.d/10.toml", []byte("[roles]\neditor = \"\"\n"), 0o640))
	load := func() string {
		_, err := daemon.Load(dir+"/claimd.toml", config.ReadOptions{})
		if err == nil {
			return ""
		}
		return strings.ReplaceAll(err.Error(), dir, "DIR")
	}
	const writable = "want it writable by its owner only, got mode "
	for _, row := range []struct {
		path string
		mode os.FileMode
		want string
	}{
		{"/claimd.toml", 0o600, ""},
		{"/claimd.toml", 0o644, ""},
		{"/claimd.toml", 0o660, "DIR/claimd.toml: " + writable + "0660\n  hint: chmod go-w DIR/claimd.toml"},
		{"/conf.d/10.toml", 0o602, "DIR/conf.d/10.toml: " + writable + "0602\n  hint: chmod go-w DIR/conf.d/10.toml"},
		{"/conf.d", 0o770, "DIR/conf.d: " + writable + "0770\n  hint: chmod go-w DIR/conf.d"},
		{"", 0o777, "DIR: " + writable + "0777\n  hint: chmod go-w DIR"},
	} {
		info, err := os.Stat(dir + row.path)
		must(t, err, os.Chmod(dir+row.path, row.mode))
		if got := load(); got != row.want {
			t.Errorf("%s %04o: got  %s\nwant %s", row.path, row.mode, got, row.want)
		}
		must(t, os.Chmod(dir+row.path, info.Mode().Perm()))
	}
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir+"/claimd.toml", 12345, -1))
		if got, want := load(), "DIR/claimd.toml: want the owner root, got uid 12345\n  hint: chown root DIR/claimd.toml"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		must(t, os.Chown(dir+"/claimd.toml", 0, -1))
	}
	// The file that is Python elsewhere is not run, and not taken for a configuration.
	mark := filepath.Join(t.TempDir(), "mark")
	python := "import os\nos.system('touch " + mark + "')\nOAUTH_ENABLED: bool = True\n"
	must(t, os.WriteFile(dir+"/claimd.toml", []byte(python), 0o600))
	if got, want := load(), "DIR/claimd.toml:1: want = after the key\n  hint: quote a key that is more than letters, digits, - and _"; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := os.Lstat(mark); err == nil {
		t.Error("the file was run")
	}
}

func reloads(t *testing.T, w *world) {
	c := w.own(t, plan{})
	token := w.ada(t, claims{"groups": []string{"Operators"}})
	c.ask(t, token).want(t, "before", "403 no_group")
	with := plan{groups: "Analysts = \"\"\nOperators = \"\""}
	eventually := func(what, want string) {
		t.Helper()
		limit := time.Now().Add(time.Second)
		for got := c.ask(t, token).String(); got != want; got = c.ask(t, token).String() {
			if time.Now().After(limit) {
				t.Fatalf("a second after %s: %s, want %s", what, got, want)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	c.write(t, with.text(w.contoso))
	eventually("an edit", "200 groups=Operators roles=")
	c.write(t, with.text(w.contoso)+"[groups\n")
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if result.OK || len(result.Faults) == 0 || !strings.HasPrefix(result.Faults.Error(), c.file+":") {
		t.Errorf("a broken file: %+v", result)
	}
	c.ask(t, token).want(t, "a broken file changes nothing", "200 groups=Operators roles=")
	status, err := c.admin.Status(t.Context())
	must(t, err)
	if status.LastRefused == nil || status.LastRefused.Faults.Error() != result.Faults.Error() {
		t.Errorf("status tells %+v", status.LastRefused)
	}
	must(t, os.Remove(c.file))
	result, err = c.admin.Reload(t.Context())
	must(t, err)
	if want := c.file + ": cannot be read: no such file or directory\n  hint: name the file with --config FILE"; result.OK || result.Faults.Error() != want {
		t.Errorf("a file that is gone: %+v, want %s", result, want)
	}
	c.ask(t, token).want(t, "a file that is gone changes nothing", "200 groups=Operators roles=")
	c.write(t, plan{}.text(w.contoso))
	c.signals <- struct{}{}
	eventually("a SIGHUP", "403 no_group")
	c.reload(t, with)
	c.ask(t, token).want(t, "the first edit again", "200 groups=Operators roles=")
	c.write(t, strings.Replace(with.text(w.contoso), apiApp, otherAPIApp, 1))
	_, err = c.admin.Reload(t.Context())
	must(t, err)
	c.ready(t)
	c.ask(t, token).want(t, "another application: what was verified is forgotten", "401 audience")
}

func disabled(t *testing.T, w *world) {
	off := "503 disabled"
	for name, head := range map[string]string{"false": "enabled = false", "absent": "# nothing"} {
		c := w.claimd(t, plan{head: head})
		c.ask(t, w.ada(t, nil)).want(t, name, off)
		c.ask(t, "").want(t, name+", no token", off)
		c.auth(t, http.Header{"Remote-User": {"root"}}).want(t, name+", a header of one's own", off)
		for path, status := range map[string]int{"/whoami": 503, "/readyz": 503, "/livez": 200} {
			if a := fetch(t, http.MethodGet, c.gate+path, nil); a.status != status {
				t.Errorf("%s: %s answers %d, want %d", name, path, a.status, status)
			}
		}
	}
	bare := w.start(t, "# nothing yet\n")
	t.Cleanup(func() { bare.end(t) })
	bare.ask(t, w.ada(t, nil)).want(t, "comments alone", off)
	c := w.own(t, plan{}.behind(echo(t)))
	token := w.ada(t, nil)
	c.ask(t, token).want(t, "switched on", letIn)
	c.reload(t, plan{head: "enabled = false"}.behind(echo(t)))
	c.ask(t, token).want(t, "switched off", off)
	if a := c.through(t, "/", http.Header{"Authorization": {"Bearer " + token}}); a.String() != off {
		t.Errorf("the proxy: got %s, want %s", a, off)
	}
	c.reload(t, plan{}.behind(echo(t)))
	c.ask(t, token).want(t, "and on again", letIn)
}

func requiredIDs(t *testing.T, w *world) {
	upper := strings.NewReplacer(contosoTenant, strings.ToUpper(contosoTenant), apiApp, strings.ToUpper(apiApp), deskApp, strings.ToUpper(deskApp))
	c := w.start(t, upper.Replace(plan{}.text(w.contoso)))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	c.ask(t, w.ada(t, nil)).want(t, "GUIDs in capitals", letIn)
	c.ask(t, w.ada(t, claims{"azp": strings.ToUpper(deskApp), "aud": strings.ToUpper(apiApp)})).want(t, "in the token too", letIn)
	const zeros = "00000000-0000-0000-0000-000000000000"
	hints := map[string]string{"tenant_id": "the directory (tenant) ID stands on the app registration's overview page",
		"application_id": "the application (client) ID stands on the app registration's overview page"}
	for key, id := range map[string]string{"tenant_id": contosoTenant, "application_id": apiApp} {
		line := map[string]string{"tenant_id": "4", "application_id": "5"}[key]
		at := "claimd.toml:" + line + ": provider.contoso." + key + ": "
		with := func(value string) string {
			return strings.Replace(soundHead, key+` = "`+id+`"`, key+" = "+value, 1)
		}
		wantFaults(t, []flawed{
			{strings.Replace(soundHead, key+` = "`+id+`"`, "", 1), "claimd.toml:3: provider.contoso." + key + ": is missing\n  hint: " + hints[key]},
			{with(`""`), at + "want a GUID, got an empty string\n  hint: " + hints[key]},
			{with(`"contoso"`), at + "want a GUID, got \"contoso\"\n  hint: " + hints[key]},
			{with(`"{` + id + `}"`), at + `want a GUID, got "{` + id + "}\"\n  hint: write it without braces and blanks: " + id},
			{with(`"` + zeros + `"`), at + `want a GUID of your own, got the placeholder "` + zeros + "\"\n  hint: did you edit the file?"},
			{with("7"), at + "want a string, got an integer\n  hint: put it in quotes"},
		})
	}
	wantFaults(t, []flawed{{strings.Replace(soundHead, apiApp, strings.ToUpper(contosoTenant), 1),
		"notice: claimd.toml:5: provider.contoso.application_id: is the same as tenant_id\n" +
			"  hint: one is the ID of the directory, the other that of the app registration"}})
}

func clientApplications(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	from := func(request entratest.Request) string {
		request.User = "ada"
		return c.ask(t, w.mint(t, w.contoso, request)).String()
	}
	for _, row := range []struct {
		name, want string
		request    entratest.Request
	}{
		{"listed, azp", letIn, entratest.Request{}},
		{"listed, appid", letIn, entratest.Request{Version: 1}},
		{"listed, in capitals", letIn, entratest.Request{Claims: claims{"azp": strings.ToUpper(deskApp)}}},
		{"not listed, azp", "403 client", entratest.Request{Client: rogueApp}},
		{"not listed, appid", "403 client", entratest.Request{Client: rogueApp, Version: 1}},
		{"the API itself", "403 client", entratest.Request{Claims: claims{"azp": apiApp}}},
		{"absent", "401 missing_claim", entratest.Request{Claims: claims{"azp": nil}}},
		{"absent in v1.0", "401 missing_claim", entratest.Request{Version: 1, Claims: claims{"appid": nil}}},
		{"null", "401 claim_type", entratest.Request{Claims: claims{"azp": jsonNull}}},
		{"no GUID", "401 claim_type", entratest.Request{Claims: claims{"azp": "desk"}}},
		{"a list", "401 claim_type", entratest.Request{Claims: claims{"azp": []string{deskApp}}}},
		{"both, alike", letIn, entratest.Request{Claims: claims{"appid": strings.ToUpper(deskApp)}}},
		{"both, and they differ", "401 malformed", entratest.Request{Claims: claims{"appid": rogueApp}}},
		{"both, and they differ, the listed one second", "401 malformed", entratest.Request{Client: rogueApp, Claims: claims{"appid": deskApp}}},
	} {
		if got := from(row.request); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
	nobody := w.claimd(t, plan{provider: "client_application_ids = []"})
	nobody.ask(t, w.ada(t, nil)).want(t, "an empty list is nobody", "403 client")
	apps := w.claimd(t, plan{groups: "Analysts = \"\"\nOperators = \"\"", more: "[[service_account]]\nobject_id = \"" + nightlyObject + "\"\ngroups = [\"Operators\"]\n"})
	apps.ask(t, w.nightly(t, nil)).want(t, "an application by itself, a service account but not listed", "403 client")
	text := strings.Replace(soundHead, `client_application_ids = ["`+deskApp+`"]`, "%", 1)
	const key = "claimd.toml:6: provider.contoso.client_application_ids"
	wantFaults(t, []flawed{
		{strings.Replace(text, "%", "", 1), "claimd.toml:3: provider.contoso.client_application_ids: is missing\n  hint: list the client applications that may call; [] admits nobody"},
		{strings.Replace(text, "%", `client_application_ids = "`+deskApp+`"`, 1), key + ": want an array of strings, got a string\n  hint: put it in brackets"},
		{strings.Replace(text, "%", `client_application_ids = ["*"]`, 1), key + `[0]: want a GUID, got "*"`},
		{strings.Replace(text, "%", "client_application_ids = []", 1), ""},
	})
}

// shippedFile is the configuration that is installed, and the manual.
const shippedFile = "../etc/claimd/claimd.toml"

func shipped(t *testing.T, w *world) {
	text, err := os.ReadFile(shippedFile)
	must(t, err)
	for i, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("%s:%d: %q is no comment", shippedFile, i+1, line)
		}
	}
	c := w.start(t, string(text))
	t.Cleanup(func() { c.end(t) })
	c.ask(t, w.ada(t, nil)).want(t, "as it is shipped", "503 disabled")
	// The sample's GUIDs, left in.
	var sample []string
	for _, key := range []string{"\n#[provider.contoso]", "\n#tenant_id = ", "\n#application_id = ", "\n#client_application_ids = "} {
		_, after, found := strings.Cut(string(text), key)
		if !found {
			t.Fatalf("%s has no sample of %s", shippedFile, key[2:])
		}
		line, _, _ := strings.Cut(after, "\n")
		sample = append(sample, key[2:]+line)
	}
	got := faultsOf(t, strings.Join(sample, "\n"))
	for _, key := range []string{"tenant_id", "application_id", "client_application_ids[0]"} {
		if !strings.Contains(got, ": provider.contoso."+key+": is the GUID of an example\n  hint: did you edit the file?") {
			t.Errorf("nothing is said about the sample's %s:\n%s", key, got)
		}
	}
	examples, err := filepath.Glob("../etc/examples/*.toml")
	must(t, err)
	for _, example := range examples {
		text, err := os.ReadFile(example)
		must(t, err)
		if bytes.Contains(text, []byte(`kind = "oidc"`)) { // which has no GUIDs
			continue
		}
		if bytes.Count([]byte(faultsOf(t, string(text))), []byte("is the GUID of an example")) < 2 {
			t.Errorf("%s: nothing is said about its GUIDs", example)
		}
	}
}
