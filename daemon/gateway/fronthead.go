package gateway

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/claimd/claimd/daemon/access"
)

// head reads the requests that the Front answers itself. It recognises what is written as plainly as gateways write it,
// and knows no other request: what it does not recognise may be right, wrong or an attack, and is net/http's to judge.
type head struct {
	manner
	method string
	target string      // of Envoy's: what follows the prefix; "": /auth
	fields []headField // but for Authorization
	bearer []byte      // the value of Authorization, whose characters nobody has looked at yet; nil: there is none
	token  []byte      // of bearer, where that is written as "Bearer TOKEN"; else nil

	header http.Header // of request, and values, which are used again
	values []string
	names  map[string]string // as they are written -> canonical
}

// manner is how a request wants to be answered.
type manner struct {
	isHead bool // without the body
	old    bool // HTTP/1.0, after which the connection closes; nginx asks so where it is not told otherwise
	closes bool // Connection: close
}

type headField struct {
	name  string // canonical
	value []byte
}

// verdict tells what was read.
type verdict int

const (
	strange verdict = iota // net/http's
	begun                  // a whole request line and no whole header: what comes may make it one
	whole                  // one request, and nothing behind it
)

const (
	mostFields = 64
	mostNames  = 256 // that are known; strangers can send any
)

func newHead() *head {
	return &head{header: make(http.Header), names: make(map[string]string), values: make([]string, 0, mostFields)}
}

// read reads a request of at most that many bytes. Until the next call it holds the request, and parts of data.
func (h *head) read(data []byte, most int) verdict {
	end := bytes.IndexByte(data, '\n')
	if end < 0 || !h.line(data[:end]) || len(data) > most {
		return strange
	}
	rest := data[end+1:]
	if !bytes.HasSuffix(rest, []byte("\r\n\r\n")) && !bytes.Equal(rest, []byte("\r\n")) {
		// A header that has ended, by bare line feeds too, has something behind it.
		if bytes.Contains(data, []byte("\n\r\n")) || bytes.Contains(data, []byte("\n\n")) {
			return strange
		}
		return begun
	}
	if !h.split(rest[:len(rest)-2]) || !h.special() {
		return strange
	}
	return whole
}

// line reads the request line without its line feed: METHOD SP path SP HTTP/1.1 CR, or HTTP/1.0.
func (h *head) line(line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	h.method = methodOf(method)
	h.manner = manner{isHead: h.method == http.MethodHead, old: string(version) == "HTTP/1.0\r"}
	if h.method == "" || !h.old && string(version) != "HTTP/1.1\r" {
		return false
	}
	h.target = ""
	if string(target) == "/auth" { // a query is net/http's
		return true
	}
	original, ok := bytes.CutPrefix(target, []byte(extAuthzPrefix))
	if !ok || !plainTarget(original) {
		return false
	}
	h.target = string(original)
	return true
}

// methodOf gives the methods that have no meaning for the connection; "": it is another.
func methodOf(method []byte) string {
	for _, known := range [...]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
	} {
		if string(method) == known {
			return known
		}
	}
	return ""
}

// plainTarget reports whether url.ParseRequestURI takes the path as it is: without an escape, which it would look at.
func plainTarget(target []byte) bool {
	path, query, _ := bytes.Cut(target, []byte("?"))
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for _, c := range path {
		if characters[c]&inPath == 0 {
			return false
		}
	}
	for _, c := range query {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// split reads the fields: NAME ":" *SP VALUE CR LF, with a value of visible ASCII and blanks between it (RFC 9112 section 5).
func (h *head) split(lines []byte) bool {
	h.fields, h.bearer, h.token = h.fields[:0], nil, nil
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		if end < 1 || lines[end-1] != '\r' || len(h.fields) == mostFields {
			return false
		}
		line := lines[:end-1]
		lines = lines[end+1:]
		colon := 0
		for colon < len(line) && characters[line[colon]]&inName != 0 {
			colon++
		}
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return false
		}
		name, value := h.canonical(line[:colon]), bytes.TrimLeft(line[colon+1:], " ")
		if name == "Authorization" {
			if h.bearer != nil || len(value) == 0 {
				return false
			}
			h.bearer = value
			if token, ok := bytes.CutPrefix(value, []byte("Bearer ")); ok {
				h.token = token
			}
			continue
		}
		if !plainValue(value) {
			return false
		}
		h.fields = append(h.fields, headField{name, value})
	}
	return true
}

// canonical is textproto.CanonicalMIMEHeaderKey, with a memory.
func (h *head) canonical(name []byte) string {
	if known, ok := h.names[string(name)]; ok {
		return known
	}
	written := string(name)
	canonical := textproto.CanonicalMIMEHeaderKey(written)
	if len(h.names) == mostNames {
		clear(h.names)
	}
	h.names[written] = canonical
	return canonical
}

// plainValue reports whether the value is visible ASCII, with blanks and tabs between it alone.
func plainValue(value []byte) bool {
	for _, c := range value {
		if characters[c]&inValue == 0 {
			return false
		}
	}
	return len(value) == 0 || value[0] > ' ' && value[len(value)-1] > ' '
}

// special looks at the fields that have a meaning for the message or the connection (RFC 9112 sections 3.2, 6, 9).
func (h *head) special() bool {
	hosts, lengths, connections, pragma, cache := 0, 0, 0, false, false
	for _, field := range h.fields {
		switch field.name {
		case "Host":
			hosts++
			if !plainHost(field.value) {
				return false
			}
		case "Content-Length":
			lengths++
			if string(field.value) != "0" {
				return false
			}
		case "Connection":
			connections++
			switch string(field.value) {
			case "close":
				h.closes = true
			case "keep-alive", "Keep-Alive":
				if h.old {
					return false
				}
			default:
				return false
			}
		case "Transfer-Encoding", "Trailer", "Expect", "Upgrade":
			return false
		case "Pragma":
			pragma = true
		case "Cache-Control":
			cache = true
		}
	}
	// net/http makes a Cache-Control of a Pragma that has none beside it.
	return hosts == 1 && lengths <= 1 && connections <= 1 && (!pragma || cache)
}

// plainHost reports whether the host is a name or an address, with a port or without.
func plainHost(host []byte) bool {
	for _, c := range host {
		if characters[c]&inHost == 0 {
			return false
		}
	}
	return len(host) > 0
}

// request gives the request without its Authorization. It holds until the next call of read.
func (h *head) request(peer string) access.Request {
	clear(h.header)
	return h.requestIn(h.header, h.values[:0], peer)
}

// question gives the request for one who takes longer. false: its Authorization field is not written plainly.
func (h *head) question(peer string) (question, bool) {
	request := h.requestIn(make(http.Header, len(h.fields)+1), make([]string, 0, len(h.fields)), peer)
	if h.bearer != nil {
		if !plainValue(h.bearer) {
			return question{}, false
		}
		request.Header["Authorization"] = []string{string(h.bearer)}
	}
	return question{request, h.manner}, true
}

// requestIn puts the fields into header. All values are pieces of one string; values has room for each.
func (h *head) requestIn(header http.Header, values []string, peer string) access.Request {
	size := 0
	for _, field := range h.fields {
		size += len(field.value)
	}
	var text strings.Builder
	text.Grow(size)
	for _, field := range h.fields {
		text.Write(field.value)
	}
	all, host := text.String(), ""
	for _, field := range h.fields {
		value := all[:len(field.value)]
		all = all[len(field.value):]
		switch before := header[field.name]; {
		case field.name == "Host":
			host = value
		case before != nil:
			header[field.name] = append(before, value)
		default:
			values = append(values, value)
			header[field.name] = values[len(values)-1:][:1:1]
		}
	}
	request := access.Request{Header: header, Peer: peer}
	if h.target != "" {
		request.Original = &access.Original{Method: h.method, Host: host, Target: h.target}
	}
	return request
}
