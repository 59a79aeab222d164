package mapping

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkLocals checks each local group or role by itself.
func (c *checker) checkLocals(k *kind) {
	seen := make(map[string]bool, len(k.locals))
	for i := range k.locals {
		local := &k.locals[i]
		path := Path{k.table, local.Name}
		switch {
		case local.Name == "":
			c.fault(path, `want a name, got ""`, "")
		case seen[local.Name]:
			c.fault(path, strconv.Quote(local.Name)+" stands here twice", "")
		}
		seen[local.Name] = true
		c.checkText(path, local.Name)
		c.checkValues(path, local)
		c.checkNamedProviders(path, local)
	}
}

// checkValues checks what names a local group or role.
func (c *checker) checkValues(path Path, local *Local) {
	if local.Values == nil {
		c.checkMatcher(path, local.Name)
		return
	}
	path = path.at("values")
	if len(local.Values) == 0 {
		c.fault(path, "want at least one value, got []: no token could name it", "leave values out to match the name itself")
	}
	for i, value := range local.Values {
		if value == "" {
			c.fault(path.at(i), `want a value, got "": an empty claim value names nothing`, "")
		}
		c.checkText(path.at(i), value)
		c.checkMatcher(path.at(i), value)
	}
	c.checkRepeats(path, local.Values)
}

// checkMatcher gives notices for a claim value that no token is likely to hold.
func (c *checker) checkMatcher(path Path, value string) {
	guid, ok := looseGUID(value)
	switch {
	case ok && (c.rules.CaseSensitive || !isGUID(value)):
		c.checkGUIDForm(path, value, guid)
	case strings.Contains(value, "*"):
		c.notice(path, strconv.Quote(value)+" is no pattern: it matches only a claim value with the same asterisk", "")
	}
}

// checkNamedProviders checks `providers`, which must be there where another tenant could emit the name.
func (c *checker) checkNamedProviders(path Path, local *Local) {
	if local.Providers == nil {
		c.checkForeignNames(path, local)
		return
	}
	path = path.at("providers")
	if len(local.Providers) == 0 {
		c.fault(path, "names no provider: want at least one, got []", "leave providers out to let every provider name it")
	}
	for i, name := range local.Providers {
		c.provider(path.at(i), name)
	}
	c.checkRepeats(path, local.Providers)
}

func (c *checker) checkForeignNames(path Path, local *Local) {
	if len(c.rules.Providers) < 2 {
		return
	}
	for _, value := range local.matchers() {
		if !isGUID(value) {
			c.fault(path, "named by "+strconv.Quote(value)+", which is no object ID: with several providers, another tenant could emit it",
				"say whose tokens may name it: providers = ["+strconv.Quote(c.rules.Providers[0].Name)+"]")
			return
		}
	}
}

// checkText gives a notice for a name or value that does not look like what it is; the first that applies.
func (c *checker) checkText(path Path, text string) {
	const exact = "names are compared byte for byte"
	switch hidden := strings.IndexFunc(text, isOdd); {
	case !utf8.ValidString(text):
		c.fault(path, strconv.Quote(text)+" is not valid UTF-8: no token can hold it", "")
	case hidden >= 0:
		r, _ := utf8.DecodeRuneInString(text[hidden:])
		c.notice(path, strconv.Quote(text)+" holds "+codePoint(r)+", which cannot be seen", exact)
	case tidy(text) != text:
		c.notice(path, strconv.Quote(text)+" holds blanks at an end, in a row or of an uncommon kind", exact)
	case c.rules.Normalize != nil && c.rules.Normalize(text) != text:
		c.notice(path, strconv.QuoteToASCII(text)+" is not in its Unicode normal form "+strconv.QuoteToASCII(c.rules.Normalize(text)), exact)
	case mixesScripts(text):
		c.notice(path, strconv.QuoteToASCII(text)+" mixes letters of scripts that look alike", exact)
	}
}

// isOdd reports whether r is a control or format character, line ends and tabs among them.
func isOdd(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// codePoint writes r as U+200B.
func codePoint(r rune) string {
	digits := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return "U+" + strings.Repeat("0", max(0, 4-len(digits))) + digits
}

// mixesScripts reports whether a word of text has letters of two of the scripts whose letters look alike.
func mixesScripts(text string) bool {
	scripts := []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek}
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, word := range words {
		count := 0
		for _, script := range scripts {
			if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(script, r) }) {
				count++
			}
		}
		if count > 1 {
			return true
		}
	}
	return false
}
