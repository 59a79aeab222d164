package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/python"
	"github.com/claimd/claimd/daemon/config"
)

// importSetting is what a file says last about one name.
type importSetting struct {
	name  string
	line  int           // 0: the file does not set it
	value *python.Value // nil where it is not set, and where it is no literal
	what  string        // "" = a literal; else what it is instead
}

func (s *importSetting) isSet() bool { return s.line > 0 }

// importSettings are the names of a file that have to do with OAuth.
type importSettings struct {
	file  string
	named map[string]*importSetting
	order []string // the names, in the order in which they appear first
	notes config.Faults
	any   []int // lines of what may set any name: what the file itself says of a setting need not be the last word
}

// readImport reads the source; the fault says why it is no Python.
func readImport(file string, source []byte) (*importSettings, *config.Fault) {
	statements, err := python.Read(source)
	if syntax, ok := errors.AsType[*python.SyntaxError](err); ok {
		return nil, &config.Fault{File: file, Line: syntax.Line, Problem: syntax.Problem}
	}
	s := &importSettings{file: file, named: map[string]*importSetting{}}
	for _, statement := range statements {
		s.take(statement)
	}
	return s, nil
}

func isOAuth(name string) bool { return strings.HasPrefix(name, "OAUTH_") }

func (s *importSettings) take(statement python.Statement) {
	if statement.Value == nil {
		s.skipped(statement)
	}
	if !statement.Inner && slices.Contains(statement.Names, python.AnyName) {
		s.any = append(s.any, statement.Line)
	}
	for _, name := range slices.Compact(statement.Names) {
		if !isOAuth(name) || statement.Inner {
			continue
		}
		next := &importSetting{name: name, line: statement.Line, value: statement.Value, what: statement.What}
		earlier, ok := s.named[name]
		if !ok {
			s.order = append(s.order, name)
		}
		if ok && statement.Value != nil {
			s.note(earlier.line, name, "is set again at line "+strconv.Itoa(statement.Line)+", which counts")
		}
		s.named[name] = next
	}
}

// skipped names a statement that is no literal. What one without an OAUTH_ name holds may be a secret, and is not shown.
func (s *importSettings) skipped(statement python.Statement) {
	names := slices.Clone(statement.Names)
	names = slices.DeleteFunc(names, func(name string) bool { return name == python.AnyName })
	setsAny := len(names) < len(statement.Names) && !statement.Inner
	slices.Sort(names)
	names = slices.Compact(names)
	oauth := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !isOAuth(name) })
	isBlock := strings.HasSuffix(statement.What, " block") || strings.HasSuffix(statement.What, " loop") ||
		statement.What == "a function" || statement.What == "a class"
	switch {
	case len(oauth) > 0 && statement.Inner:
		s.note(statement.Line, strings.Join(oauth, ", "), "is skipped: it stands in "+statement.What+" and sets nothing for the module")
	case len(oauth) > 0:
		s.note(statement.Line, strings.Join(oauth, ", "), "is skipped: it is "+statement.What+", and no literal")
	case strings.HasPrefix(statement.What, "an import of every name"):
		s.note(statement.Line, "", "is skipped: it is "+statement.What+", OAuth settings too if there are some")
	case setsAny:
		s.note(statement.Line, "", "is skipped: it is "+statement.What+", which may set any name, OAuth settings too")
	case !isBlock:
		s.note(statement.Line, strings.Join(names, ", "), "is skipped: it is "+statement.What+", and no OAuth setting")
	}
}

func (s *importSettings) note(line int, name, text string) {
	s.notes = append(s.notes, config.Fault{File: s.file, Line: line, Key: name, Problem: text, Notice: true})
}

// get gives a setting, also one that the file does not set.
func (s *importSettings) get(name string) *importSetting {
	if found, ok := s.named[name]; ok {
		return found
	}
	return &importSetting{name: name}
}

// strangers gives the settings whose names are not among the known ones.
func (s *importSettings) strangers(known []string) []*importSetting {
	var list []*importSetting
	for _, name := range s.order {
		if !slices.Contains(known, name) && s.named[name].value != nil { // the others are told as skipped
			list = append(list, s.named[name])
		}
	}
	return list
}

// supposedKey gives the key of claimd that a setting of an unknown name may stand for, by the words of its name and the
// kind of its value; "" for none. Nothing is taken over by it: it is only proposed.
func (s *importSetting) supposedKey() string {
	words := strings.Split(s.name, "_")
	has := func(some ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(some, word) })
	}
	if s.value == nil || has("SECRET", "SECRETS", "PASSWORD", "PASSWD", "TOKEN", "KEY", "CREDENTIAL", "CREDENTIALS") {
		return ""
	}
	_, isList := importTexts(s.value)
	switch {
	case s.value.Kind == python.Bool && has("CASE", "SENSITIVE"):
		return "case_sensitive"
	case s.value.Kind == python.Bool && has("LOG", "LOGS", "LOGGING"):
		return "denials"
	case isList && has("DEFAULT", "DEFAULTS") && has("GROUP", "GROUPS"):
		return "default_groups"
	case isList && has("DEFAULT", "DEFAULTS") && has("ROLE", "ROLES"):
		return "default_roles"
	case s.value.Kind != python.Text || !has("CLAIM"):
		return ""
	case has("EMAIL", "MAIL"):
		return "email"
	case has("ID", "UID", "OID", "USERNAME", "IDENTIFIER"):
		return "user"
	}
	return ""
}

// importTexts gives the texts of a list, a tuple or a set of texts.
func importTexts(value *python.Value) ([]string, bool) {
	if value.Kind != python.List && value.Kind != python.Tuple && value.Kind != python.Set {
		return nil, false
	}
	texts := []string{}
	for _, item := range value.Items {
		if item.Kind != python.Text {
			return nil, false
		}
		texts = append(texts, item.Text)
	}
	return texts, true
}
