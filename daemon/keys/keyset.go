package keys

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// readKeys checks a key set (RFC 7517, section 5), each key by itself: an odd one never spoils the others. The error
// tells why the set as a whole is bad; the alarms of its keys come with it all the same.
func (e edition) readKeys(raw []byte, d document) (map[string]Key, []KeyStatus, error) {
	members, err := splitKeySet(raw)
	if err != nil {
		return nil, nil, err
	}
	if len(members) > maxKeys {
		return nil, nil, fmt.Errorf("want at most %d keys, got %d", maxKeys, len(members))
	}
	read := make([]readKey, len(members))
	for i, member := range members {
		read[i] = e.readKey(member, d)
	}
	refuseClashes(read)
	keys := map[string]Key{}
	status := make([]KeyStatus, 0, len(read))
	for _, r := range read {
		if r.refused == nil {
			keys[r.key.ID] = r.key
		}
		status = append(status, r.status())
	}
	slices.SortFunc(status, func(a, b KeyStatus) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Ignored, b.Ignored), strings.Compare(a.Type, b.Type))
	})
	status = slices.Compact(status)
	if len(keys) == 0 {
		return nil, status, noUsableKey(status)
	}
	return keys, status, nil
}

// noUsableKey tells why none of the keys can be used, by the example of the first.
func noUsableKey(status []KeyStatus) error {
	if len(status) == 0 {
		return errors.New("want at least one usable key, got an empty set")
	}
	first := status[0]
	return fmt.Errorf("want at least one usable key, got %d ignored, the first %s: %s", len(status), quote(first.ID), first.Ignored)
}

// refuseClashes refuses every id that does not stand for one key alone: two keys that differ, or a private key published
// beside its public one. Nobody could say which of them signed.
func refuseClashes(read []readKey) {
	first := map[string]int{}
	clash := map[string]error{}
	for i, r := range read {
		if r.key.ID == "" {
			continue
		}
		if errors.Is(r.refused, errLeaked) {
			clash[r.key.ID] = errLeaked
		}
		if r.refused != nil {
			continue
		}
		before, seen := first[r.key.ID]
		if !seen {
			first[r.key.ID] = i
		} else if !r.key.equal(read[before].key) && clash[r.key.ID] == nil {
			clash[r.key.ID] = errTwice
		}
	}
	for i := range read {
		if why := clash[read[i].key.ID]; why != nil && read[i].refused == nil {
			read[i].refused = why
		}
	}
}

// member is one member of a JSON object, as it stands.
type member struct {
	name  string
	value jsontext.Value
}

// errNoObject: the body is no JSON object, or more than one.
var errNoObject = errors.New("want one JSON object with keys, got other text")

// splitKeySet gives the elements of `keys` as they stand. What lies around them is taken strictly; the keys may be faulty
// each for itself (duplicate members, bad UTF-8), so long as the whole is JSON.
func splitKeySet(raw []byte) ([]jsontext.Value, error) {
	members, err := splitObject(raw)
	if err != nil {
		return nil, err
	}
	var keys jsontext.Value
	seen := map[string]bool{}
	for _, m := range members {
		switch {
		case seen[m.name]:
			return nil, fmt.Errorf("want each member once, got %s twice", quote(m.name))
		case m.name == "keys":
			keys = m.value
		case !m.value.IsValid():
			return nil, fmt.Errorf("member %s: want JSON without duplicate members, got other text", quote(m.name))
		}
		seen[m.name] = true
	}
	if keys.Kind() != '[' {
		return nil, errors.New("want an array of keys, got none")
	}
	return splitArray(keys)
}

// lax gives a decoder that takes duplicate members and bad UTF-8.
func lax(raw []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// splitObject gives the members of an object as they stand.
func splitObject(raw []byte) ([]member, error) {
	decoder := lax(raw)
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errNoObject
	}
	var members []member
	for decoder.PeekKind() == '"' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, errNoObject
		}
		name := token.String() // before the next read, which makes the token void
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, errNoObject
		}
		members = append(members, member{name, value.Clone()})
	}
	if _, err := decoder.ReadToken(); err != nil { // the closing brace
		return nil, errNoObject
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return members, nil
}

// splitArray gives the elements of an array as they stand.
func splitArray(value jsontext.Value) ([]jsontext.Value, error) {
	decoder := lax(value)
	if _, err := decoder.ReadToken(); err != nil {
		return nil, errNoObject
	}
	var elements []jsontext.Value
	for decoder.PeekKind() != ']' {
		element, err := decoder.ReadValue()
		if err != nil {
			return nil, errNoObject
		}
		elements = append(elements, element.Clone())
	}
	return elements, nil
}
