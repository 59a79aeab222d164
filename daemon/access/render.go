package access

import (
	"strings"

	"github.com/claimd/claimd/daemon/config"
)

// maxHeaders bounds the identity headers of one answer, names and values together, in bytes. Gateways hold an answer's
// header in buffers of this order.
const maxHeaders = 16 << 10

// headerLine is one configured identity header.
type headerLine struct {
	name  string
	value func(*Identity) string
}

// headerLines gives the configured identity headers in the order of the configuration's keys.
func headerLines(h config.Headers) []headerLine {
	all := []headerLine{
		{h.User, func(i *Identity) string { return encodeValue(i.User) }},
		{h.Email, func(i *Identity) string { return encodeValue(i.Email) }},
		{h.Name, func(i *Identity) string { return encodeValue(fullName(i.FirstName, i.LastName)) }},
		{h.Groups, func(i *Identity) string { return encodeList(i.Groups) }},
		{h.Roles, func(i *Identity) string { return encodeList(i.Roles) }},
		{h.Admin, func(i *Identity) string { return boolWord(i.Admin) }},
		{h.Provider, func(i *Identity) string { return encodeValue(i.Provider) }},
		{h.Client, func(i *Identity) string { return encodeValue(i.ClientID) }},
		{h.Scopes, func(i *Identity) string { return encodeList(scopeWords(i.Scopes)) }},
	}
	var lines []headerLine
	for _, line := range all {
		if line.name != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// render gives every configured header of the identity, the empty ones too, and their size in bytes.
func render(lines []headerLine, identity *Identity) (fields []Field, size int) {
	fields = make([]Field, len(lines))
	for i, line := range lines {
		fields[i] = Field{line.name, line.value(identity)}
		size += len(line.name) + len(fields[i].Value)
	}
	return fields, size
}

// fullName is "First Last", or the one of them that there is.
func fullName(first, last string) string {
	if first == "" || last == "" {
		return first + last
	}
	return first + " " + last
}

func boolWord(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// scopeWords gives the words of scp, which one blank separates (RFC 6749 section 3.3).
func scopeWords(scopes string) []string {
	return strings.FieldsFunc(scopes, func(r rune) bool { return r == ' ' })
}

// encodeList joins encoded values with commas; a comma inside a value is encoded, so that none can pass for two.
func encodeList(values []string) string {
	size := len(values)
	for _, value := range values {
		size += len(value)
	}
	var b strings.Builder
	b.Grow(size)
	for i, value := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		writeValue(&b, value)
	}
	return b.String()
}

// encodeValue percent-encodes what a header value cannot carry safely: %, the comma, controls, leading and trailing
// blanks, and every byte outside printable ASCII. Percent-decoding gives the UTF-8 of the value back, whatever it holds.
func encodeValue(value string) string {
	var b strings.Builder
	writeValue(&b, value)
	return b.String()
}

func writeValue(to *strings.Builder, value string) {
	const hex = "0123456789ABCDEF"
	head := len(value) - len(strings.TrimLeft(value, " "))
	tail := len(strings.TrimRight(value, " "))
	written := 0 // most values are written in one piece
	for i := range len(value) {
		c := value[i]
		if plainByte(c) && head <= i && i < tail {
			continue
		}
		to.WriteString(value[written:i])
		to.WriteByte('%')
		to.WriteByte(hex[c>>4])
		to.WriteByte(hex[c&15])
		written = i + 1
	}
	to.WriteString(value[written:])
}

func plainByte(c byte) bool { return ' ' <= c && c <= '~' && c != '%' && c != ',' }
