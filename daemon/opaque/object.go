package opaque

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// The limits on one answer, those of a token's payload too.
const (
	maxDepth   = 64
	maxMembers = 2000
	maxNumber  = 64 // bytes
)

// object are the members of a JSON object by their names, escapes resolved. A null member is as good as none.
type object map[string]jsontext.Value

// readObject reads one JSON object and nothing else, within the limits, without a member twice at any depth, in UTF-8
// without lone surrogates. problem is for people.
func readObject(text []byte) (members object, problem string) {
	if problem := checkText(text); problem != "" {
		return nil, problem
	}
	members = object{}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if _, err := d.ReadToken(); err != nil {
		return nil, noObject
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, noObject
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, noObject
		}
		members[key] = value.Clone()
	}
	return members, ""
}

const noObject = "want one JSON object in UTF-8 without duplicate members, got other text"

// checkText walks over the whole text before anything of it is built.
func checkText(text []byte) (problem string) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if d.PeekKind() != '{' {
		return noObject
	}
	names := 0
	for {
		token, err := d.ReadToken()
		if err != nil {
			return noObject
		}
		depth := d.StackDepth()
		if depth == 0 { // the object is closed
			break
		}
		if kind, length := d.StackIndex(depth); kind == '{' && length%2 == 1 {
			names++
		}
		if depth > maxDepth || names > maxMembers || token.Kind() == '0' && len(token.String()) > maxNumber {
			return "want an answer of 2,000 members, 64 levels and numbers of 64 characters at most, got more"
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return noObject
	}
	return ""
}

// has reports whether the member is there and not null.
func (o object) has(name string) bool {
	return o[name] != nil && o[name].Kind() != 'n'
}

// text gives a member that is a string; "" where it is absent. ok is false for any other value.
func (o object) text(name string) (text string, ok bool) {
	if !o.has(name) {
		return "", true
	}
	return textOf(o[name])
}

// texts gives a member that is a string or an array of strings; nil where it is absent.
func (o object) texts(name string) (texts []string, ok bool) {
	if !o.has(name) {
		return nil, true
	}
	if text, ok := textOf(o[name]); ok {
		return []string{text}, true
	}
	d := jsontext.NewDecoder(bytes.NewReader(o[name]))
	if first, err := d.ReadToken(); err != nil || first.Kind() != '[' {
		return nil, false
	}
	texts = []string{}
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		text, ok := textOf(value)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

func textOf(value jsontext.Value) (text string, ok bool) {
	if value.Kind() != '"' {
		return "", false
	}
	characters, err := jsontext.AppendUnquote(nil, value)
	return string(characters), err == nil
}
