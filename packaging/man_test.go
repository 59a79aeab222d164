package packaging_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func text(t *testing.T, path string) string {
	t.Helper()
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}

func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("man/*.[1-8]")
	if err != nil || len(all) < 10 {
		t.Fatalf("got the pages %q, %v", all, err)
	}
	return all
}

// TestTheManualHasEveryKeyWithItsDefault compares claimd.toml(5) with the shipped file, which is compared with the
// parser elsewhere: the same tables, keys and values, and none besides.
func TestTheManualHasEveryKeyWithItsDefault(t *testing.T) {
	shipped, manual := shippedKeys(t), manualKeys(t)
	if len(shipped) < 12 {
		t.Errorf("got %d tables of the shipped file only", len(shipped))
	}
	for table, keys := range shipped {
		if table == "groups" || table == "roles" { // what stands there are samples of names
			continue
		}
		for _, key := range keys {
			if !slices.Contains(manual[table], key) {
				t.Errorf("[%s]: claimd.toml.5 has no item %q", table, key)
			}
		}
		for _, key := range manual[table] {
			if !slices.Contains(keys, key) {
				t.Errorf("[%s]: claimd.toml.5 has %q, the shipped file has not", table, key)
			}
		}
	}
	for _, key := range []string{"label", "values", "providers"} {
		if !strings.Contains(strings.Join(manual["groups"], "\n"), key+" = ") {
			t.Errorf("[groups]: claimd.toml.5 has no %s", key)
		}
	}
}

// shippedKeys gives the lines "key = value" of claimd.toml by table, with NAME for the sample's name of a provider.
func shippedKeys(t *testing.T) map[string][]string {
	t.Helper()
	tables, table := map[string][]string{}, ""
	for line := range strings.Lines(text(t, "../etc/claimd/claimd.toml")) {
		setting, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "#")
		switch {
		case !ok || setting == "" || setting[0] == ' ':
		case setting[0] == '[':
			table = strings.ReplaceAll(strings.Trim(setting, "[]"), "provider.contoso", "provider.NAME")
		default:
			tables[table] = append(tables[table], setting)
		}
	}
	return tables
}

// manualKeys gives the items of each subsection of KEYS, which is named after its table.
func manualKeys(t *testing.T) map[string][]string {
	t.Helper()
	tables, table := map[string][]string{}, "none"
	for line := range strings.Lines(text(t, "man/claimd.toml.5")) {
		line = strings.TrimRight(line, "\n")
		if heading, ok := strings.CutPrefix(line, ".Ss "); ok {
			heading, _, _ = strings.Cut(heading, ":")
			table = strings.Trim(heading, "[]")
			if heading == "Above the first table" {
				table = ""
			}
		}
		if item, ok := strings.CutPrefix(line, ".It "); ok && table != "none" && !strings.HasPrefix(item, "Pa ") {
			tables[table] = append(tables[table], strings.ReplaceAll(strings.TrimPrefix(item, "Li "), `\(dq`, `"`))
		}
		if strings.HasPrefix(line, ".Sh ") {
			table = "none"
		}
	}
	return tables
}

// TestEveryVerbHasItsPage: man claimctl-VERB works, and tells each flag and exit status that claimctl VERB --help tells.
func TestEveryVerbHasItsPage(t *testing.T) {
	main := text(t, "man/claimctl.1")
	verbs := 0
	for name, usage := range usages(t, "../cmd/claimctl") {
		words := regexp.MustCompile(`^claimctl ([a-z-]+( refresh)?) `).FindStringSubmatch(usage)
		page := "man/claimctl.1"
		if name != "rootUsage" {
			if words == nil {
				t.Errorf("%s does not begin with its verb", name)
				continue
			}
			verbs++
			verb, _, _ := strings.Cut(words[1], " ")
			page = "man/claimctl-" + verb + ".1"
			if !strings.Contains(main, ".It Cm "+words[1]) {
				t.Errorf("man/claimctl.1 has no item for %s", words[1])
			}
			if !strings.Contains(main, ".Xr claimctl-"+verb+" 1") {
				t.Errorf("man/claimctl.1 does not refer to that of %s", verb)
			}
		}
		content := text(t, page)
		for _, flag := range regexp.MustCompile(`--[a-z]+`).FindAllString(usage, -1) {
			if !strings.Contains(content, "Fl "+flag[1:]) {
				t.Errorf("%s has no %s, which %s has", page, flag, name)
			}
		}
		_, statuses, _ := strings.Cut(usage, "Exit status:")
		for _, status := range regexp.MustCompile(`(?:^|,)\s([0-9])\s`).FindAllStringSubmatch(statuses, -1) {
			if !strings.Contains(content, "\n.It "+status[1]+"\n") {
				t.Errorf("%s has no exit status %s, which %s has", page, status[1], name)
			}
		}
	}
	if verbs < 7 {
		t.Errorf("got the usage of %d verbs only", verbs)
	}
}

// TestEveryFlagIsInTheManual: those of the programs' sources, in whatever text they stand.
func TestEveryFlagIsInTheManual(t *testing.T) {
	for program, want := range map[string]int{"claimd": 3, "claimctl": 7, "fakeentra": 12} {
		var manual strings.Builder
		for _, page := range pages(t) {
			if name := filepath.Base(page); strings.HasPrefix(name, program+"-") || strings.HasPrefix(name, program+".") {
				manual.WriteString(text(t, page))
			}
		}
		flags := flagsOf(t, "../cmd/"+program)
		if len(flags) < want {
			t.Errorf("%s: got the flags %q", program, flags)
		}
		for _, flag := range append(flags, "help") {
			if !regexp.MustCompile(`Fl -` + flag + `\b`).MatchString(manual.String()) {
				t.Errorf("%s: --%s is in no page", program, flag)
			}
		}
	}
}

// TestTheManualHasEveryKeyOfTheFakeTenant compares THE DIRECTORY of fakeentra(1) with what the tenant's file may hold.
func TestTheManualHasEveryKeyOfTheFakeTenant(t *testing.T) {
	manual, table := map[string][]string{}, ""
	_, section, _ := strings.Cut(text(t, "man/fakeentra.1"), ".Sh THE DIRECTORY\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	for line := range strings.Lines(section) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, ".It "):
			table = words[len(words)-1] // the last word of "above the first table" is "table"
		case strings.HasPrefix(line, ".Li ") && words[1] != "refuse_at": // that is no key of the file
			manual[table] = append(manual[table], words[1])
		}
	}
	tables := map[string]string{"Directory": "table", "API": "[[api]]", "App": "[[client]]", "User": "[[user]]", "Group": "[[group]]"}
	inspect(t, "../daemon/entratest", func(node ast.Node) {
		spec, ok := node.(*ast.TypeSpec)
		if !ok || tables[spec.Name.Name] == "" {
			return
		}
		table := tables[spec.Name.Name]
		delete(tables, spec.Name.Name)
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			_, key, _ := strings.Cut(strings.Trim(field.Tag.Value, "`\""), `toml:"`)
			if !slices.Contains(manual[table], key) && !slices.Contains([]string{"api", "client", "user", "group"}, key) {
				t.Errorf("%s: fakeentra.1 has no %s", table, key)
			}
			manual[table] = slices.DeleteFunc(manual[table], func(shown string) bool { return shown == key })
		}
		for _, key := range manual[table] {
			t.Errorf("%s: fakeentra.1 has %s, which the tenant's file cannot hold", table, key)
		}
	})
	if len(tables) > 0 {
		t.Errorf("the tenant's file has no %v", tables)
	}
}

// usages gives the constants whose names end in Usage.
func usages(t *testing.T, directory string) map[string]string {
	t.Helper()
	all := map[string]string{}
	inspect(t, directory, func(node ast.Node) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasSuffix(spec.Names[0].Name, "Usage") {
			return
		}
		ast.Inspect(spec.Values[0], func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				part, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				all[spec.Names[0].Name] += part
			}
			return true
		})
	})
	return all
}

// flagsOf gives the names in calls such as flags.StringVar(&x, "name", ...).
func flagsOf(t *testing.T, directory string) []string {
	t.Helper()
	var all []string
	inspect(t, directory, func(node ast.Node) {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !regexp.MustCompile(`^((String|StringArray|Bool|Int|Duration)(Var)?|Var)$`).MatchString(method.Sel.Name) || len(call.Args) < 3 {
			return
		}
		for _, argument := range call.Args[:2] {
			if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				all = append(all, strings.Trim(literal.Value, `"`))
				return
			}
		}
	})
	return all
}

func inspect(t *testing.T, directory string, visit func(ast.Node)) {
	t.Helper()
	files, err := filepath.Glob(directory + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %q, %v", files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool { visit(node); return true })
	}
}

// TestTheManualHasEveryReason in the order and words of the README, which has them from the programs.
func TestTheManualHasEveryReason(t *testing.T) {
	var want, got []string
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| `([a-z_]+)` \\| (.+?) \\|").FindAllStringSubmatch(text(t, "../README.md"), -1) {
		want = append(want, row[1]+" "+row[2]+" "+strings.ToUpper(row[3][:1])+row[3][1:]+".")
	}
	_, section, _ := strings.Cut(text(t, "man/claimd.8"), ".Sh REASONS\n")
	section, _, _ = strings.Cut(section, ".El\n")
	for _, item := range strings.Split(section, ".It Li ")[1:] {
		got = append(got, strings.Join(strings.Fields(item), " "))
	}
	if !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("man/claimd.8 has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPagesReferToPagesThatAreThere: to those of this package, and to those of systemd.
func TestPagesReferToPagesThatAreThere(t *testing.T) {
	for _, page := range pages(t) {
		for _, found := range regexp.MustCompile(`(?m)^\.Xr (\S+) ([1-8])`).FindAllStringSubmatch(text(t, page), -1) {
			_, err := os.Stat("man/" + found[1] + "." + found[2])
			if err != nil && !slices.Contains([]string{"systemctl", "journalctl", "systemd.exec"}, found[1]) {
				t.Errorf("%s refers to %s(%s)", page, found[1], found[2])
			}
		}
	}
}

// TestPagesAreWellFormed has mandoc judge them.
func TestPagesAreWellFormed(t *testing.T) {
	var verdict, trouble bytes.Buffer // apart: written to one place, the one ends in the middle of the other's lines
	lint := exec.Command(tool(t, "mandoc"), append([]string{"-T", "lint"}, pages(t)...)...)
	lint.Stdout, lint.Stderr = &verdict, &trouble
	_ = lint.Run() // what it prints is the verdict
	for line := range bytes.Lines(append(verdict.Bytes(), trouble.Bytes()...)) {
		// Whether other manuals are installed, and indexed, says nothing about these.
		if !bytes.Contains(line, []byte("referenced manual not found")) && !bytes.Contains(line, []byte("outdated mandoc.db")) {
			t.Errorf("%s", line)
		}
	}
}

// tool finds a program that is not of Go. Without it a test is left out, but never where CI runs it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
