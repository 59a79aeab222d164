package access

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

// pattern is the `match` of one [[route]]: [METHOD ][HOST]/PATH, as net/http.ServeMux has it (pkg.go.dev/net/http,
// "Patterns"). Paths are compared segment by segment, decoded once; hosts in lower case without a port.
type pattern struct {
	method string // "": any; GET stands for HEAD too
	host   string // "": any
	path   []piece
}

// piece is what follows one slash of a pattern's path.
type piece struct {
	kind pieceKind
	text string // of a literal
}

type pieceKind uint8

const (
	literal pieceKind = iota // this segment
	one                      // {name}: any one segment
	rest                     // {name...}, or a final slash: whatever follows, nothing too
	end                      // {$}: nothing follows
)

// parsePattern reads a match. The error says what is wanted and what was got.
func parsePattern(text string) (pattern, error) {
	var p pattern
	place := text
	if method, after, ok := strings.Cut(text, " "); ok {
		if !isMethod(method) {
			return p, fmt.Errorf("want a method such as GET in upper case before the blank, got %q", method)
		}
		p.method, place = method, strings.TrimLeft(after, " ")
	}
	slash := strings.IndexByte(place, '/')
	if slash < 0 {
		return p, fmt.Errorf("want [METHOD ][HOST]/PATH, got %q without a slash", text)
	}
	p.host = place[:slash]
	if problem := hostProblem(p.host); problem != "" {
		return p, errors.New(problem)
	}
	var err error
	p.path, err = parsePath(place[slash:])
	return p, err
}

// isMethod: a token (RFC 9110 9.1); methods are case-sensitive, and none that is in use has lower case letters.
func isMethod(method string) bool {
	return httpguts.ValidHeaderFieldName(method) && method == strings.ToUpper(method)
}

func hostProblem(host string) string {
	switch {
	case host == "":
		return ""
	case host != strings.ToLower(host):
		return fmt.Sprintf("want the host in lower case, got %q", host)
	case strings.ContainsAny(host, ":[]"):
		return fmt.Sprintf("want a host without a port, got %q", host)
	case strings.HasSuffix(host, "."):
		return fmt.Sprintf("want a host without a final dot, got %q", host)
	case strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return fmt.Sprintf("want the name of one host, got %q: there are no wildcards for hosts", host)
	}
	return ""
}

// parsePath reads the path of a pattern, which begins with a slash.
func parsePath(path string) ([]piece, error) {
	var pieces []piece
	names := map[string]bool{}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		p, name, err := parseSegment(segment, last)
		if err != nil {
			return nil, err
		}
		if name != "" && names[name] {
			return nil, fmt.Errorf("want each {name} once, got {%s} twice", name)
		}
		names[name] = true
		pieces = append(pieces, p)
	}
	return pieces, nil
}

func parseSegment(segment string, last bool) (p piece, name string, err error) {
	switch {
	case segment == "" && last:
		return piece{kind: rest}, "", nil
	case segment == "":
		return p, "", errors.New("want a path without //, which no request may have")
	case segment[0] == '{' && strings.HasSuffix(segment, "}"):
		return parseWildcard(segment, last)
	case strings.ContainsAny(segment, "{}"):
		return p, "", fmt.Errorf("want {name} as a whole segment of the path, got %q", segment)
	}
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		return p, "", fmt.Errorf("want %%XX with two hexadecimal digits, got %q", segment)
	}
	if problem := segmentProblem(decoded); problem != "" {
		return p, "", fmt.Errorf("no request may have %s in its path, so %q matches none", problem, segment)
	}
	if strings.ContainsAny(segment, "?#") {
		return p, "", fmt.Errorf("want a path without query and fragment, got %q", segment)
	}
	return piece{literal, decoded}, "", nil
}

func parseWildcard(segment string, last bool) (p piece, name string, err error) {
	name = segment[1 : len(segment)-1]
	kind := one
	switch inner, many := strings.CutSuffix(name, "..."); {
	case name == "$":
		kind, name = end, ""
	case many:
		kind, name = rest, inner
	}
	if kind != one && !last {
		return p, "", fmt.Errorf("want %s at the end of the path", segment)
	}
	if kind != end && !isWildcardName(name) {
		return p, "", fmt.Errorf("want {name} of letters, digits and _, got %q", segment)
	}
	return piece{kind: kind}, name, nil
}

func isWildcardName(name string) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return name != ""
}

// segmentProblem names what a decoded segment of a path must not hold; "" = sound. Programs behind the gateway differ in
// what they make of these: decode again, cut, or walk up.
func segmentProblem(segment string) string {
	switch {
	case segment == "." || segment == "..":
		return "a dot segment"
	case !utf8.ValidString(segment):
		return "bytes that are no UTF-8"
	}
	for _, c := range segment {
		switch {
		case c == '/':
			return "an encoded slash"
		case c == '\\':
			return "a backslash"
		case c == ';':
			return "a semicolon"
		case c == '%':
			return "an encoded percent sign"
		case c < 0x20 || 0x7f <= c && c < 0xa0:
			return "a control character"
		}
	}
	return ""
}

// covers reports whether p matches whatever q matches.
func (p *pattern) covers(q *pattern) bool {
	return (p.host == "" || p.host == q.host) && methodCovers(p.method, q.method) && pathCovers(p.path, q.path)
}

// meets reports whether some request matches both.
func (p *pattern) meets(q *pattern) bool {
	return (p.host == "" || q.host == "" || p.host == q.host) &&
		(methodCovers(p.method, q.method) || methodCovers(q.method, p.method)) && pathsMeet(p.path, q.path)
}

// before reports whether p decides where both match: it names a host and q none, or it matches less.
func (p *pattern) before(q *pattern) bool {
	if (p.host == "") != (q.host == "") {
		return p.host != ""
	}
	return q.covers(p) && !p.covers(q)
}

// clashes reports whether some request matches both and neither decides.
func (p *pattern) clashes(q *pattern) bool { return p.meets(q) && !p.before(q) && !q.before(p) }

func methodCovers(a, b string) bool { return a == "" || a == b || a == "GET" && b == "HEAD" }

func pathCovers(a, b []piece) bool {
	for i, p := range a {
		switch {
		case i == len(b):
			return false
		case p.kind == rest:
			return true
		case p.kind == one && (b[i].kind == one || b[i].kind == literal):
		case p != b[i]:
			return false
		}
	}
	return len(a) == len(b)
}

func pathsMeet(a, b []piece) bool {
	for i := range min(len(a), len(b)) {
		switch p, q := a[i], b[i]; {
		case p.kind == rest || q.kind == rest:
			return true
		case p == q:
		case p.kind == one && q.kind == literal, p.kind == literal && q.kind == one:
		default:
			return false
		}
	}
	return len(a) == len(b)
}

// matches reports whether the request matches: its method, its host as cleanHost gives it, and the decoded segments of
// its path, of which the last is "" where the path ends in a slash.
func (p *pattern) matches(method, host string, segments []string) bool {
	return methodCovers(p.method, method) && (p.host == "" || p.host == host) && p.matchesPath(segments)
}

// matchesSlash reports whether the pattern ends where the path does, but for a final slash that the path lacks.
func (p *pattern) matchesSlash(method, host string, segments []string) bool {
	n := len(segments)
	if len(p.path) != n+1 || p.path[n].kind != rest && p.path[n].kind != end {
		return false
	}
	without := pattern{p.method, p.host, p.path[:n]}
	return without.matches(method, host, segments)
}

func (p *pattern) matchesPath(segments []string) bool {
	for i, piece := range p.path {
		if i == len(segments) {
			return false
		}
		switch piece.kind {
		case rest:
			return true
		case end:
			return segments[i] == ""
		case one:
			if segments[i] == "" {
				return false
			}
		case literal:
			if segments[i] != piece.text {
				return false
			}
		}
	}
	return len(p.path) == len(segments)
}

// exact reports whether the pattern matches one length of paths only.
func (p *pattern) exact() bool { return p.path[len(p.path)-1].kind != rest }
