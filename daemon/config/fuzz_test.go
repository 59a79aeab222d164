package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// contractKeys are the keys of each table as the contract spells them; * stands for a name that administrators choose.
var contractKeys = map[string]string{
	"": "enabled provider mapping groups roles user service_account route server proxy outbound metrics admin state directory log",
	"provider.*": "kind tenant_id application_id client_application_ids application_id_uris required_scopes cloud authority " +
		"custom_signing_keys clock_skew groups_overage guests admin_value admin_group user_prefix opaque_tokens claims graph issuer " +
		"audiences client_ids algorithms introspection_client_id introspection_client_secret_file",
	"provider.*.claims": "user email first_name last_name groups roles admin",
	"provider.*.graph":  "client_id client_secret_file client_certificate_file cache",
	"mapping":           "default_groups default_roles case_sensitive sign_up",
	"groups.*":          "label values providers",
	"roles.*":           "label values providers",
	"user":              "provider id groups roles blocked",
	"service_account":   "provider object_id application_id name groups roles active",
	"route":             "match groups roles scopes admin acrs public",
	"server":            "listen socket_mode socket_group plaintext trusted_proxies original_request headers",
	"server.headers":    "user email name groups roles admin provider client scopes",
	"proxy":             "listen upstream tls_certificate tls_key_file forward_authorization",
	"outbound":          "proxy ca_file",
	"metrics":           "listen",
	"admin":             "socket",
	"state":             "directory",
	"directory":         "url_file",
	"log":               "level format denials",
}

// unknownKey gives a key that the contract does not spell so; "" where there is none.
func unknownKey(value any, path string) string {
	switch value := value.(type) {
	case []map[string]any:
		for _, element := range value {
			if key := unknownKey(element, path); key != "" {
				return key
			}
		}
	case []any:
		for _, element := range value {
			if key := unknownKey(element, path); key != "" {
				return key
			}
		}
	case map[string]any:
		known := strings.Fields(contractKeys[path])
		named := slices.Contains([]string{"provider", "groups", "roles"}, path)
		for key, child := range value {
			if !named && !slices.Contains(known, key) {
				return path + "." + key
			}
			if named {
				key = "*"
			}
			if found := unknownKey(child, strings.TrimPrefix(path+"."+key, ".")); found != "" {
				return found
			}
		}
	}
	return ""
}

// A configuration says one thing: read again, written in another style, or spread over a file for each table, it comes to
// the same; it has no key but the contract's; and what is said about it stands in it.
func FuzzAConfigurationSaysOneThing(f *testing.F) {
	for _, path := range []string{"claimd/claimd.toml"} {
		text, err := os.ReadFile(filepath.Join(etc, path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(uncommented(string(text))))
	}
	paths, _ := filepath.Glob(filepath.Join("testdata", "faults", "*.txtar"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range splitArchive(path, text).tree.Files {
			f.Add(file.Bytes)
		}
	}
	whole := "enabled = true\n" + minimal
	for _, more := range []string{
		"", "[groups]\nB = \"\"\nA = \"label\"\n'x.y' = { values = [\"a\", \"b\"], label = \"\" }\n", "groups.A = \"\"\ngroups.B.values = [\"x\"]\n",
		"[[user]]\nid = \"a\"\n[[user]]\nid = \"b\"\nblocked = true\ngroups = []\n", "user = [ { id = \"a\" } ]\n", "[Server]\nlisten = []\n",
		"[server]\nListen = []\n", "[server.headers]\nuser = \"X-User\"\nemail = \"\"\n", "[log]\nlevel = \"debug\"\ndenials = false\n",
		"[proxy]\nlisten = [\"127.0.0.1:1\"]\nupstream = \"http://127.0.0.1:2\"\n", "[outbound]\nproxy = \"http://p:1\"\n", "[groups]\n\"\\u0041\" = ''\n",
		"[provider.contoso.claims]\nroles = \"/a/b\"\nadmin = \"x\"\n", "[roles]\nA = { label = 1 }\n", "[mapping]\ndefault_groups = [\"A\"]\ncase_sensitive = false\n",
		"[provider.b]\ntenant_id = \"aaaaaaaa-0000-4000-8000-000000000009\"\napplication_id = \"aaaaaaaa-0000-4000-8000-000000000008\"\n" +
			"client_application_ids = []\nclock_skew = \"1m30s\"\nguests = \"deny\"\nuser_prefix = \"b:\"\n",
		"[[route]]\nmatch = \"GET a/b/\"\nscopes = [\"s\"]\nacrs = \"c1\"\n[[route]]\nmatch = \"/\"\npublic = true\n[server]\nlisten = []\n",
		"[[service_account]]\nobject_id = \"aaaaaaaa-0000-4000-8000-000000000004\"\nname = \"n\"\ngroups = [\"A\"]\nactive = false\n",
	} {
		f.Add([]byte(whole + more))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, faults := treeOf(string(text)).Parse()
		again, faultsAgain := treeOf(string(text)).Parse()
		if !reflect.DeepEqual(config, again) || !slices.Equal(faults, faultsAgain) {
			t.Fatalf("read again, it is %+v %v, and not %+v %v", again, faultsAgain, config, faults)
		}
		lines := 1 + strings.Count(string(text), "\n")
		for _, fault := range faults {
			if fault.File != "claimd.toml" || fault.Line < 0 || fault.Line > lines || fault.Problem == "" {
				t.Fatalf("a fault that stands nowhere: %v", fault)
			}
		}
		if faults.Refuse() {
			return
		}
		var values map[string]any
		if _, err := toml.Decode(string(text), &values); err != nil {
			t.Fatal(err)
		}
		if key := unknownKey(values, ""); key != "" {
			t.Fatalf("the key %s was taken", key)
		}
		for _, tree := range []*Tree{treeOf(styled(t, values)), spread(t, values)} {
			other, faults := tree.Parse()
			if got, want := ordered(other), ordered(config); faults.Refuse() || !reflect.DeepEqual(got, want) {
				t.Fatalf("in another style it is\n%+v\nand not\n%+v\n%v\n%s", got, want, faults, tree.Files[0].Bytes)
			}
		}
	})
}

// styled writes values as the library does: in its own order, with headers for all tables.
func styled(t *testing.T, values map[string]any) string {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(values); err != nil {
		t.Fatal(err)
	}
	if text.Len() == 0 {
		return "#"
	}
	return text.String()
}

// spread gives a tree with a file for each table.
func spread(t *testing.T, values map[string]any) *Tree {
	var files []string
	for key, value := range values {
		files = append(files, styled(t, map[string]any{key: value}))
	}
	slices.Sort(files)
	return treeOf("#", files...)
}

// ordered puts what stands in the order of the files into byte order.
func ordered(config *Config) *Config {
	if config == nil {
		return nil
	}
	config = plainConfig(config)
	for _, locals := range []*[]Local{&config.Groups, &config.Roles} {
		slices.SortFunc(*locals, func(a, b Local) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range config.Routes {
		config.Routes[i].Place = ""
	}
	return config
}
