package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxBytes is the most that a manifest may hold. Entra allows 1,200 entries in all its collections together
// (reference-microsoft-graph-app-manifest, Manifest limits), which is far less.
const maxBytes = 1 << 20

// maxDepth is how deep objects and lists may stand in each other: the path to each is kept while it is read. The portal
// writes 5 levels.
const maxDepth = 64

// Read reads a manifest: one JSON object without duplicate members, with or without a byte order mark (an editor or a
// shell may have put one there, of UTF-8 or UTF-16). The errors are written for who has exported it.
func Read(raw []byte) (*Manifest, error) {
	if len(raw) > maxBytes {
		return nil, fmt.Errorf("want a manifest of at most %d MiB, got more", maxBytes>>20)
	}
	text, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("want a manifest, got an empty file")
	}
	if err := strict(text); err != nil {
		return nil, err
	}
	top := members{}
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, errors.New("want one JSON object, got something else\nhint: of az ad app list, take one element; az ad app show --id ID gives one")
	}
	form, err := formOf(top)
	if err != nil {
		return nil, err
	}
	return form.read(top)
}

// decode takes the byte order mark off.
func decode(raw []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		raw = fromUTF16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		raw = fromUTF16(raw[2:], binary.BigEndian)
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("want JSON in UTF-8, got other bytes")
	}
	return raw, nil
}

func fromUTF16(raw []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// strict walks through the text once: it must be one JSON value in which no object has a member twice.
func strict(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := value(decoder, "", 0); err != nil {
		return at(text, decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return at(text, decoder.InputOffset(), errors.New("want one JSON object, got more text after it"))
	}
	return nil
}

// value reads one JSON value; path is where it stands, and depth is in how many objects and lists.
func value(decoder *json.Decoder, path string, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("objects and lists stand in each other more than %d deep", maxDepth)
	}
	seen := map[string]bool{}
	for i := 0; decoder.More(); i++ {
		inner := fmt.Sprintf("%s[%d]", path, i)
		if delim == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			key, _ := name.(string) // JSON has no other names
			if seen[key] {
				return fmt.Errorf("%s stands there twice", strings.TrimPrefix(path+"."+key, "."))
			}
			seen[key] = true
			inner = strings.TrimPrefix(path+"."+key, ".")
		}
		if err := value(decoder, inner, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing bracket
	return err
}

// at says in which line the text is not what is wanted.
func at(text []byte, offset int64, err error) error {
	line := 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		line = 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the text ends too early")
	}
	return fmt.Errorf("line %d: want JSON as the portal writes it: %w", line, err)
}

// members are those of one JSON object, as they stand.
type members map[string]json.RawMessage

// take reads one member into the value. null, and a member that is not there, leave it as it is.
func (m members) take(name string, into any) error {
	raw, ok := m[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: want another type than %s", name, kindOf(raw))
	}
	return nil
}

func (m members) has(names ...string) bool {
	for _, name := range names {
		if _, ok := m[name]; ok {
			return true
		}
	}
	return false
}

func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	}
	return "a number"
}
