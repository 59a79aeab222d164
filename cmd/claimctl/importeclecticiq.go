package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/python"
	"github.com/claimd/claimd/daemon/config"
)

// The settings of EclecticIQ whose names are known here.
const (
	eiqEnabled     = "OAUTH_ENABLED"
	eiqTenant      = "OAUTH_TENANT_ID"
	eiqApplication = "OAUTH_APPLICATION_ID"
	eiqClients     = "OAUTH_CLIENT_APPLICATION_IDS"
	eiqGroups      = "OAUTH_USER_GROUPS_CLAIM"
	eiqRoles       = "OAUTH_USER_ROLES_CLAIM"
	eiqFirstName   = "OAUTH_USER_FIRSTNAME_CLAIM"
	eiqLastName    = "OAUTH_USER_LASTNAME_CLAIM"
	eiqAdminClaim  = "OAUTH_USER_IS_ADMIN_CLAIM"
	eiqAdminGroup  = "OAUTH_ADMIN_ROLE_NAME"
)

var eiqNames = []string{
	eiqEnabled, eiqTenant, eiqApplication, eiqClients, eiqGroups, eiqRoles, eiqFirstName, eiqLastName, eiqAdminClaim, eiqAdminGroup,
}

// importer writes the claimd.toml that behaves as the settings say.
type importer struct {
	*importSettings
	importDraft
	supposed map[string][]*importSetting // key -> settings of unknown names that may stand for it
	faults   config.Faults
}

// importOf converts a file.
func importOf(file string, source []byte) importResult {
	settings, fault := readImport(file, source)
	if fault != nil {
		return importResult{Notes: config.Faults{}, Faults: config.Faults{*fault}}
	}
	i := &importer{importSettings: settings, supposed: map[string][]*importSetting{}}
	i.places = map[string]*importSetting{}
	i.write()
	told := map[string]bool{}
	for _, fault := range i.faults {
		told[fault.Key] = true
	}
	for _, fault := range i.judge(file) {
		if !told[fault.Key] {
			i.faults = append(i.faults, fault)
		}
		told[fault.Key] = true
	}
	slices.SortStableFunc(i.notes, func(a, b config.Fault) int { return cmp.Compare(a.Line, b.Line) })
	slices.SortStableFunc(i.faults, func(a, b config.Fault) int { return cmp.Compare(a.Line, b.Line) })
	result := importResult{TOML: i.text.String(), Notes: append(config.Faults{}, i.notes...), Faults: i.faults}
	if len(i.faults) > 0 { // then what is said of the claimd.toml alone is of no use
		result.TOML = ""
		result.Notes = slices.DeleteFunc(result.Notes, func(note config.Fault) bool { return note.Line == 0 })
	}
	return result
}

func (i *importer) write() {
	i.comment("Made of an EclecticIQ platform_settings.py by claimctl import. Beside each key stands the setting it comes from.")
	i.comment("A line that begins with # and a key is off: take the # away to have it.")
	i.text.WriteString("\n")
	var unknown []*importSetting
	for _, stranger := range i.strangers(eiqNames) {
		key := stranger.supposedKey()
		if key == "" {
			unknown = append(unknown, stranger)
			continue
		}
		i.supposed[key] = append(i.supposed[key], stranger)
	}
	i.enabled()
	i.off = i.hasNoProvider()
	i.provider()
	i.claims()
	i.off = false
	i.mapping()
	i.locals()
	i.log()
	if len(unknown) > 0 {
		i.text.WriteString("\n")
	}
	for _, setting := range unknown {
		i.explain(setting.line, setting.name, "is no setting that is known here: write the key that it stands for, if claimd.toml(5) has one")
	}
}

// explain writes a note as a comment, and keeps it for standard error.
func (i *importer) explain(line int, name, text string) {
	i.note(line, name, text)
	if name == "" {
		name, text = strings.ToUpper(text[:1])+text[1:], ""
	}
	i.comment(strings.TrimSpace(name+" "+text) + ".")
}

// enabled writes what lets requests in at all. As long as a setting could not be read, nothing does.
func (i *importer) enabled() {
	setting := i.get(eiqEnabled)
	i.from("enabled", setting)
	unread := slices.DeleteFunc(slices.Clone(eiqNames), func(name string) bool { return i.get(name).what == "" })
	for _, line := range i.any {
		unread = append(unread, "whatever line "+strconv.Itoa(line)+" sets")
	}
	if len(unread) > 0 {
		i.explain(0, "", "what could not be read is yours to write, and enabled is false until then: "+strings.Join(unread, ", "))
		i.set("enabled", false, false, "")
		return
	}
	switch {
	case !setting.isSet():
		i.explain(0, eiqEnabled, "is not set: EclecticIQ keeps OAuth off then, and claimd denies every request")
		i.set("enabled", false, false, origin(setting))
	case i.want(setting, python.Bool):
		i.set("enabled", setting.value.True, false, origin(setting))
	}
}

// want reports whether a setting is of a kind, and leaves a fault where it is not.
func (i *importer) want(setting *importSetting, kind python.Kind) bool {
	got := setting.value
	if got.Kind == kind {
		return true
	}
	i.fault(setting, setting.value.Line, "want "+kind.String()+", got "+got.Kind.String(), commaHint(got))
	return false
}

// commaHint helps where a comma at the end of a line made a tuple of a value.
func commaHint(got *python.Value) string {
	if got.Kind == python.Tuple && len(got.Items) == 1 {
		return "a comma after the value makes a tuple of it"
	}
	return ""
}

func (i *importer) fault(setting *importSetting, line int, problem, hint string) {
	i.faults = append(i.faults, config.Fault{File: i.file, Line: line, Key: setting.name, Problem: problem, Hint: hint})
}

// origin says beside a key which setting it comes from.
func origin(setting *importSetting) string {
	if !setting.isSet() {
		return setting.name + ", which is not set"
	}
	return setting.name + ", line " + strconv.Itoa(setting.line)
}

// isEmpty reports whether a setting says nothing: it is not set, None, "" or empty brackets.
func (s *importSetting) isEmpty() bool {
	if s.value == nil {
		return s.what == ""
	}
	switch s.value.Kind {
	case python.None:
		return true
	case python.Text:
		return s.value.Text == ""
	case python.List, python.Tuple, python.Set:
		return len(s.value.Items) == 0
	}
	return false
}

// supposedOr writes a key that no known setting stands for: its default, or commented out what may stand for it.
func (i *importer) supposedOr(key string, standard any) {
	if !i.propose(key, importTOML(standard)) {
		i.set(key, standard, false, "EclecticIQ's default")
	}
}

// propose writes what may stand for a key by its name, commented out; standard is what holds without it.
func (i *importer) propose(key, standard string) bool {
	for _, setting := range i.supposed[key] {
		i.explain(setting.line, setting.name, "is no setting that is known here. It looks like "+key+": if it is, take the # from the line; until then "+
			key+" is "+standard)
		i.set(key, proposed(setting), true, origin(setting))
	}
	return len(i.supposed[key]) > 0
}

func proposed(setting *importSetting) any {
	switch setting.value.Kind {
	case python.Bool:
		return setting.value.True
	case python.Text:
		return literalClaim(setting.value.Text)
	}
	texts, _ := importTexts(setting.value)
	return texts
}

func (i *importer) mapping() {
	i.header("mapping")
	i.supposedOr("default_groups", []string{})
	i.supposedOr("default_roles", []string{})
	i.supposedOr("case_sensitive", true)
}

// locals writes the tables of the groups and roles that exist. Those of EclecticIQ are in its database.
func (i *importer) locals() {
	for _, table := range []struct{ name, defaults, sample string }{
		{"groups", "default_groups", "Analysts"}, {"roles", "default_roles", "analyst"},
	} {
		i.header(table.name)
		i.explain(0, "", "the "+table.name+" that EclecticIQ has are not in the file: list those that tokens may name under ["+table.name+"], one a line, such as "+
			table.sample+` = ""; claimctl unmatched shows the values that named none`)
		seen := map[string]bool{}
		for _, setting := range i.supposed[table.defaults] {
			texts, _ := importTexts(setting.value)
			for _, name := range texts {
				if !seen[name] {
					i.set(config.KeyPath([]any{name}), "", true, "of "+table.defaults)
				}
				seen[name] = true
			}
		}
	}
}

// log writes whether refusals are logged: here they are unless told otherwise.
func (i *importer) log() {
	i.header("log")
	if i.propose("denials", "true") {
		return
	}
	i.explain(0, "", "EclecticIQ logs errors of OAuth only where it is told to; claimd logs refusals, without any token, unless denials is false")
	i.set("denials", false, true, "")
}
