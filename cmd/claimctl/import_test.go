package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// TestImportGivesWhatTheFileSays converts each testdata/import/*.txtar: platform_settings.py becomes claimd.toml, or has
// faults; notes are what is told of it. UPDATE_SCRIPTS=1 writes them anew.
func TestImportGivesWhatTheFileSays(t *testing.T) {
	paths, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(paths) < 12 {
		t.Fatalf("got %q, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source := archive.Files[0].Data
			got := importOf("platform_settings.py", source)
			want := []txtar.File{{Name: "platform_settings.py", Data: source}}
			if got.TOML != "" {
				want = append(want, txtar.File{Name: "claimd.toml", Data: []byte(got.TOML)})
			}
			if len(got.Notes) > 0 {
				want = append(want, txtar.File{Name: "notes", Data: []byte(faultsText(got.Notes))})
			}
			if len(got.Faults) > 0 {
				want = append(want, txtar.File{Name: "faults", Data: []byte(faultsText(got.Faults))})
			}
			formatted := string(txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: want}))
			if os.Getenv("UPDATE_SCRIPTS") != "" {
				if err := os.WriteFile(path, []byte(formatted), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if before := string(txtar.Format(archive)); os.Getenv("UPDATE_SCRIPTS") == "" && before != formatted {
				t.Errorf("got\n%s\nwant\n%s", formatted, before)
			}
			if (got.TOML == "") != (len(got.Faults) > 0) {
				t.Errorf("want a claimd.toml or faults, got %d bytes and %d faults", len(got.TOML), len(got.Faults))
			}
			if got.TOML != "" {
				loadImported(t, got.TOML)
			}
		})
	}
}

// loadImported does what claimctl check does.
func loadImported(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claimd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := daemon.Load(path, config.ReadOptions{})
	if err != nil {
		t.Fatalf("what was imported has faults:\n%v\n%s", err, text)
	}
	return loaded.Config
}

// What is off in an imported file can be had by taking the # away, as its comments say.
func TestImportedLinesThatAreOffCanBeTurnedOn(t *testing.T) {
	for name, wanted := range map[string]func(*config.Config) bool{
		"sample": func(c *config.Config) bool {
			p := c.Providers[0]
			return p.RequiredScopes[0] == "platform.read-write" && p.AdminGroup == "EclecticIQAdminsGroup" && p.Claims.Admin == "isEclecticIQAdmin" && !c.Log.Denials
		},
		"unknown": func(c *config.Config) bool {
			return strings.Join(c.Mapping.DefaultGroups, "|") == `Testing Group|CONTOSO\Team "A"|Été` && len(c.Groups) == 3 && len(c.Roles) == 1 &&
				!c.Mapping.CaseSensitive && !c.Log.Denials && c.Providers[0].Claims.User == "sub" && c.Providers[0].Claims.Email == "upn"
		},
	} {
		archive, err := txtar.ParseFile("testdata/import/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		var on strings.Builder
		for line := range strings.Lines(importOf("f", archive.Files[0].Data).TOML) {
			if bare := strings.TrimLeft(line, "#"); !strings.HasPrefix(bare, " ") {
				line = bare
			}
			on.WriteString(line)
		}
		if c := loadImported(t, on.String()); !wanted(c) {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

// A table that is off for want of the IDs is had with one # less at each line. That alone makes nobody an administrator:
// the lines of the two ways to become one have two.
func TestATableThatIsOffHidesNoAdministrator(t *testing.T) {
	const guid = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a"
	var on strings.Builder
	for line := range strings.Lines(importOf("f", []byte("OAUTH_ENABLED = False\n")).TOML) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && rest[0] != ' ' {
			line = rest
		}
		line = strings.Replace(line, `tenant_id = ""`, `tenant_id = "`+guid+`3"`, 1)
		on.WriteString(strings.Replace(line, `application_id = ""`, `application_id = "`+guid+`4"`, 1))
	}
	c := loadImported(t, on.String())
	if p := c.Providers[0]; p.AdminGroup != "" || p.Claims.Admin != "" || p.TenantID != guid+"3" || len(p.RequiredScopes) > 0 {
		t.Errorf("got %+v", p)
	}
}

// Names that hold whatever a name may hold reach claimd as they are, byte for byte.
func FuzzImportCarriesTextsOver(f *testing.F) {
	f.Add("groups", "EclecticIQAdminsGroup")
	f.Add("/a/b~c", `CONTOSO\Team "A"`)
	f.Add("https://app.example/groups", "'é\u2028\U0001F600\t\x7f\\")
	f.Add("email", "")
	f.Fuzz(func(t *testing.T, claim, group string) {
		python := func(text string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", `\x00`).Replace(text) + `"`
		}
		got := importOf("f", []byte("OAUTH_ENABLED = True\nOAUTH_TENANT_ID = '5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3'\n"+
			"OAUTH_APPLICATION_ID = 'c8d14e02-7b6a-4f39-9e51-2a84f06d73bc'\nOAUTH_CLIENT_APPLICATION_IDS = ['3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64']\n"+
			"OAUTH_USER_GROUPS_CLAIM = "+python(claim)+"\nOAUTH_ADMIN_ROLE_NAME = "+python(group)+"\n"))
		if len(got.Faults) > 0 {
			return
		}
		tree := &config.Tree{Path: "claimd.toml", Files: []config.File{{Path: "claimd.toml", Bytes: []byte(got.TOML)}}}
		cfg, faults := tree.Parse()
		if faults.Refuse() {
			t.Fatalf("%v\n%s", errors.Join(faults), got.TOML)
		}
		p := cfg.Providers[0]
		name := string(p.Claims.Groups)
		if rest, ok := strings.CutPrefix(name, "/"); ok {
			name = strings.NewReplacer("~1", "/", "~0", "~").Replace(rest)
			if strings.Contains(rest, "/") {
				t.Fatalf("%q names a member of a member", rest)
			}
		}
		if name != claim || p.AdminGroup != group {
			t.Fatalf("got %q and %q, want %q and %q", name, p.AdminGroup, claim, group)
		}
	})
}
