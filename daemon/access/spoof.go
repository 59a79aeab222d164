package access

import "net/http"

// headerNames are the names of the configured identity headers, folded: lower case, with - for _ and for a dot. Servers behind a
// gateway read a header under all these spellings (CGI and WSGI turn each of them into the same variable).
type headerNames []string

func foldNames(names []string) headerNames {
	folded := make(headerNames, len(names))
	for i, name := range names {
		bytes := []byte(name)
		for k, c := range bytes {
			bytes[k] = foldByte(c)
		}
		folded[i] = string(bytes)
	}
	return folded
}

// has reports whether name is one of the names in any spelling. It allocates nothing.
func (h headerNames) has(name string) bool {
	for _, folded := range h {
		if len(folded) == len(name) && foldsTo(name, folded) {
			return true
		}
	}
	return false
}

// brought gives the header of the request that spells one of the names, the first in byte order; "" = none does.
func (h headerNames) brought(header http.Header) string {
	first := ""
	for name := range header {
		if h.has(name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func foldsTo(name, folded string) bool {
	for i := range len(name) {
		if foldByte(name[i]) != folded[i] {
			return false
		}
	}
	return true
}

func foldByte(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + ('a' - 'A')
	case c == '_' || c == '.':
		return '-'
	}
	return c
}
