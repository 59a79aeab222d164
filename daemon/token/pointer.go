package token

import (
	"strconv"
	"strings"
)

// pointed gives the raw value that a JSON Pointer (RFC 6901, here without its first /) points at; nil where there is
// none.
func (c *Claims) pointed(pointer string) []byte {
	first, rest, more := strings.Cut(pointer, "/")
	value := c.raw(unescapedReference(first))
	for more && value != nil {
		first, rest, more = strings.Cut(rest, "/")
		value = step(value, unescapedReference(first))
	}
	return value
}

// step gives the member or the element of value that the reference token names.
func step(value []byte, reference string) (found []byte) {
	switch value[0] {
	case '{':
		eachMember(value, payloadLimits, func(name, member []byte) bool {
			if string(unquoted(name)) == reference {
				found = member
			}
			return found == nil
		})
	case '[':
		index, err := strconv.ParseUint(reference, 10, 16) // no token is large enough for more elements
		if err != nil || strconv.FormatUint(index, 10) != reference {
			return nil // a leading zero, a sign, or the - that stands for what comes after the last
		}
		eachElement(value, func(element []byte) bool {
			if index == 0 {
				found = element
			}
			index--
			return found == nil
		})
	}
	return found
}

// unescapedReference gives what a reference token stands for: ~1 is /, ~0 is ~, in this order.
func unescapedReference(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// topLevel gives the top-level claim that the configured name reads, or reads a part of.
func topLevel(name string) string {
	pointer, ok := strings.CutPrefix(name, "/")
	if !ok {
		return name
	}
	first, _, _ := strings.Cut(pointer, "/")
	return unescapedReference(first)
}
