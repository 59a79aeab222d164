package token

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// limits bound one JSON text.
type limits struct {
	depth   int // of nested objects and arrays, the outermost counted
	members int // of all objects together
}

// maxNumber is the length of the longest number, in bytes.
const maxNumber = 64

// eachMember walks over data, which must be one JSON object of RFC 8259 in UTF-8 within the limits and nothing after
// it, and calls visit with the name (in its quotes) and the value of each member of the outermost object, both as
// slices of data. It reports whether data is all that and visit always said true. It allocates nothing, so it may read
// what anybody sends: the whole of data is checked, but for duplicate members, which jsontext refuses.
func eachMember(data []byte, bounds limits, visit func(name, value []byte) bool) bool {
	if !utf8.Valid(data) {
		return false
	}
	c := cursor{data: data, limits: bounds}
	c.blanks()
	if !c.object(visit) {
		return false
	}
	c.blanks()
	return c.at == len(data)
}

// eachElement is eachMember for an array. data was walked over before.
func eachElement(data []byte, visit func(value []byte) bool) bool {
	c := cursor{data: data, limits: payloadLimits}
	return c.array(visit)
}

// cursor stands at a place in a JSON text. Its methods move it behind what they read and report whether that was there.
type cursor struct {
	data []byte
	at   int
	limits
}

// peek gives the next byte; 0, which no JSON text holds outside strings, at the end.
func (c *cursor) peek() byte {
	if c.at < len(c.data) {
		return c.data[c.at]
	}
	return 0
}

// skip moves behind the byte if it comes next.
func (c *cursor) skip(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

func (c *cursor) blanks() {
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// value reads any value and gives its bytes without the blanks around it; nil if there is none.
func (c *cursor) value() []byte {
	c.blanks()
	start := c.at
	var ok bool
	switch b := c.peek(); {
	case b == '{':
		ok = c.object(nil)
	case b == '[':
		ok = c.array(nil)
	case b == '"':
		ok = c.text()
	case b == '-' || isDigit(b):
		ok = c.number()
	default:
		ok = c.word("true") || c.word("false") || c.word("null")
	}
	if !ok {
		return nil
	}
	value := c.data[start:c.at:c.at]
	c.blanks()
	return value
}

func (c *cursor) object(visit func(name, value []byte) bool) bool {
	if !c.skip('{') || !c.deeper() {
		return false
	}
	defer c.shallower()
	c.blanks()
	if c.skip('}') {
		return true
	}
	for {
		if !c.member(visit) {
			return false
		}
		if !c.skip(',') {
			return c.skip('}')
		}
		c.blanks()
	}
}

func (c *cursor) member(visit func(name, value []byte) bool) bool {
	c.limits.members--
	start := c.at
	if c.limits.members < 0 || !c.text() {
		return false
	}
	name := c.data[start:c.at:c.at]
	c.blanks()
	if !c.skip(':') {
		return false
	}
	value := c.value()
	return value != nil && (visit == nil || visit(name, value))
}

func (c *cursor) array(visit func(value []byte) bool) bool {
	if !c.skip('[') || !c.deeper() {
		return false
	}
	defer c.shallower()
	c.blanks()
	if c.skip(']') {
		return true
	}
	for {
		value := c.value()
		if value == nil || visit != nil && !visit(value) {
			return false
		}
		if !c.skip(',') {
			return c.skip(']')
		}
	}
}

func (c *cursor) deeper() bool {
	c.limits.depth--
	return c.limits.depth >= 0
}

func (c *cursor) shallower() { c.limits.depth++ }

func (c *cursor) word(word string) bool {
	if !bytes.HasPrefix(c.data[c.at:], []byte(word)) {
		return false
	}
	c.at += len(word)
	return true
}

// number reads a number of RFC 8259 section 6.
func (c *cursor) number() bool {
	start := c.at
	c.skip('-')
	if !c.skip('0') && !c.digits() {
		return false
	}
	if c.skip('.') && !c.digits() {
		return false
	}
	if c.skip('e') || c.skip('E') {
		if !c.skip('+') {
			c.skip('-')
		}
		if !c.digits() {
			return false
		}
	}
	return c.at-start <= maxNumber
}

func (c *cursor) digits() bool {
	start := c.at
	for isDigit(c.peek()) {
		c.at++
	}
	return c.at > start
}

// text reads a string. The text as a whole is known to be UTF-8, so only escapes can break it.
func (c *cursor) text() bool {
	if !c.skip('"') {
		return false
	}
	for {
		c.at += plainLength(c.data[c.at:])
		if c.skip('"') {
			return true
		}
		if !c.skip('\\') || !c.escape() { // a control, the end, or an escape that stands for nothing
			return false
		}
	}
}

// plainLength counts the bytes before the first quote, backslash or control. It looks at eight at once: most of a token is
// strings, and they are walked over more than once.
func plainLength(text []byte) (count int) {
	for ; len(text) >= 8; text, count = text[8:], count+8 {
		if found := special(binary.LittleEndian.Uint64(text)); found != 0 {
			return count + bits.TrailingZeros64(found)/8
		}
	}
	for len(text) > 0 && text[0] >= ' ' && text[0] != '"' && text[0] != '\\' {
		text, count = text[1:], count+1
	}
	return count
}

// special sets the highest bit of the first of eight bytes, the lowest one first, that is a quote, a backslash or a
// control; those of later bytes mean nothing. 0: none is.
//
// What is subtracted borrows from the byte itself only where that is smaller, and then sets its highest bit; a byte that
// had it before (of UTF-8 beyond ASCII) is masked out. A borrow goes on into later bytes alone.
func special(bytes uint64) uint64 {
	const each, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash := bytes^each*'"', bytes^each*'\\'
	return ((bytes-each*' ')&^bytes | (quote-each)&^quote | (backslash-each)&^backslash) & highest
}

// escape reads what follows a backslash. Surrogates must come in pairs: a lone one stands for no character, and two
// different names that hold one would become the same.
func (c *cursor) escape() bool {
	b := c.peek()
	c.at++
	switch b {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		unit, ok := c.unit()
		if !ok || 0xDC00 <= unit && unit <= 0xDFFF {
			return false
		}
		if unit < 0xD800 || unit > 0xDBFF {
			return true
		}
		if !c.skip('\\') || !c.skip('u') {
			return false
		}
		unit, _ = c.unit() // no unit is 0, which is no half
		return 0xDC00 <= unit && unit <= 0xDFFF
	}
	return false
}

// unit reads the four hexadecimal digits of a UTF-16 code unit.
func (c *cursor) unit() (unit rune, ok bool) {
	for range 4 {
		b := c.peek()
		switch {
		case isDigit(b):
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(b)
		c.at++
	}
	return unit, true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// unquoted gives the characters of a JSON string that was walked over before: a slice of it where nothing is escaped.
func unquoted(text []byte) []byte { return unquotedInto(nil, text) }

// unquotedInto is unquoted that puts the characters into buffer where something is escaped.
func unquotedInto(buffer, text []byte) []byte {
	inner := text[1 : len(text)-1 : len(text)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	characters, _ := jsontext.AppendUnquote(buffer[:0], text) // it cannot fail: the walk has seen all of it
	return characters
}

// stringOf gives the characters of a value that is a JSON string.
func stringOf(value []byte) (characters []byte, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return nil, false
	}
	return unquoted(value), true
}
