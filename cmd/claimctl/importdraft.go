package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// importDraft is a claimd.toml that is being written.
type importDraft struct {
	text   strings.Builder
	table  mapping.Path
	off    bool                      // what is written now is commented out
	places map[string]*importSetting // key -> where its value comes from
}

// comment writes lines of text, wrapped.
func (d *importDraft) comment(text string) {
	const most = 118
	line := "#"
	for word := range strings.FieldsSeq(escape(text)) {
		if len(line)+1+len(word) > most {
			d.text.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	d.text.WriteString(line + "\n")
}

// header opens a table.
func (d *importDraft) header(path ...any) {
	d.table = path
	d.text.WriteString("\n" + d.mark(false) + "[" + config.KeyPath(d.table) + "]\n")
}

// mark gives what a line begins with. One that is off within what is off has two: whoever takes a # from every line of a
// table must not make administrators by it.
func (d *importDraft) mark(off bool) string {
	mark := ""
	if d.off {
		mark = "#"
	}
	if off {
		mark += "#"
	}
	return mark
}

// from says where the value of a key comes from. A key that is not written has a place too: it may be missing.
func (d *importDraft) from(key string, setting *importSetting) {
	path := append(append(mapping.Path{}, d.table...), key)
	d.places[config.KeyPath(path)] = setting
}

// set writes a key; value is a bool, a string or a []string, and why stands beside it. What is off stands on one line: a
// # with a blank after it begins text.
func (d *importDraft) set(key string, value any, off bool, why string) {
	if why != "" {
		why = "  # " + escape(why)
	}
	mark := d.mark(off)
	list, isList := value.([]string)
	if !isList || len(list) < 2 || mark != "" {
		fmt.Fprintf(&d.text, "%s%s = %s%s\n", mark, key, importTOML(value), why)
		return
	}
	fmt.Fprintf(&d.text, "%s = [%s\n", key, why)
	for _, item := range list {
		fmt.Fprintf(&d.text, "    %s,\n", importTOML(item))
	}
	d.text.WriteString("]\n")
}

// importTOML writes a value in TOML 1.0.
func importTOML(value any) string {
	switch value := value.(type) {
	case bool:
		return strconv.FormatBool(value)
	case string:
		return importTOMLText(value)
	case []string:
		quoted := make([]string, len(value))
		for i, text := range value {
			quoted[i] = importTOMLText(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	panic(fmt.Sprintf("no value of a claimd.toml: %T", value))
}

// importTOMLText writes a basic string, with an escape for whatever cannot be seen.
func importTOMLText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// judge gives the faults that claimctl check would find in the draft, each at the setting that it comes from.
func (d *importDraft) judge(file string) config.Faults {
	const path = "claimd.toml"
	tree := &config.Tree{Path: path, Files: []config.File{{Path: path, Bytes: []byte(d.text.String())}}}
	cfg, faults := tree.Parse()
	if cfg != nil {
		_, found := mapping.Compile(cfg.Rules())
		for _, fault := range found {
			faults = append(faults, config.Fault{Key: config.KeyPath(fault.Path), Problem: fault.Problem, Hint: fault.Hint, Notice: fault.Notice})
		}
	}
	var list config.Faults
	for _, fault := range faults {
		if !fault.Notice {
			fault.File = file
			list = append(list, d.placed(fault))
		}
	}
	return list
}

// placed puts the name and the line of the setting in the place of the key and its line. Of a list it is the element's.
func (d *importDraft) placed(fault config.Fault) config.Fault {
	key, index, isElement := strings.Cut(fault.Key, "[")
	setting, ok := d.places[key]
	fault.Line = 0
	if !ok {
		return fault
	}
	fault.Key, fault.Line = setting.name, setting.line
	i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if isElement && err == nil && setting.value != nil && i < len(setting.value.Items) {
		fault.Key += "[" + index
		fault.Line = setting.value.Items[i].Line
	}
	return fault
}
