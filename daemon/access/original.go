package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/claimd/claimd/daemon/config"
)

// ask finds the route that decides about a request, if one matches. false: the original request is not known, or its
// method, path or host is one that programs read in different ways.
func (j *judgement) ask(request *Request) bool {
	original := request.Original
	if original == nil {
		told, ok := j.snapshot.told(request)
		if !ok {
			return false
		}
		original = &told
	}
	j.original = original
	host, ok := cleanHost(original.Host)
	return ok && j.find(host)
}

// find is ask for an original request whose host is read already; "" is a host that no match names.
func (j *judgement) find(host string) bool {
	segments, ok := pathOf(j.original.Target)
	if !ok || !isMethod(j.original.Method) || j.original.Method == http.MethodConnect {
		return false // some programs take `delete` for DELETE; and through a tunnel, requests would go past claimd
	}
	routes := j.snapshot.routes
	j.route = routes.find(j.original.Method, host, segments)
	return !routes.inAnotherCase(j.original.Method, host, segments, j.route)
}

// words gives the request as people write it: "GET api.contoso.example/x", without the query, which may hold secrets.
func (o *Original) words() string {
	path, _, _ := strings.Cut(o.Target, "?")
	return o.Method + " " + o.Host + path
}

// ParseOriginal reads a request as words writes it: a method and [HOST]/PATH. Without a host, no route that names one
// decides about it. The error says what is wanted and what was got.
func ParseOriginal(text string) (*Original, error) {
	method, place, _ := strings.Cut(text, " ")
	slash := strings.IndexByte(place, '/')
	if !httpguts.ValidHeaderFieldName(method) || slash < 0 || strings.ContainsRune(place, ' ') || strings.Contains(place, "://") {
		return nil, fmt.Errorf(`want a method and a path, as in "GET /api/x" or "GET api.contoso.example/api/x", got %s`, quoted(text))
	}
	host := place[:slash]
	if _, ok := cleanHost(host); !ok && host != "" {
		return nil, fmt.Errorf("want the name of a host before the path, got %s", quoted(host))
	}
	return &Original{Method: method, Host: host, Target: place[slash:]}, nil
}

// told reads the original request in the headers of the configured family, each exactly once, from a peer that is
// believed. The other family is never read: a gateway that sets one of them passes the other on as the client wrote it.
func (s *Snapshot) told(request *Request) (original Original, ok bool) {
	server := &s.config.Server
	if !trusts(&server.TrustedProxies, request.Peer) {
		return original, false
	}
	var names [3]string
	switch server.OriginalRequest {
	case config.OriginalXOriginal:
		names = [3]string{"X-Original-Method", "X-Original-Host", "X-Original-Uri"}
	case config.OriginalXForwarded:
		names = [3]string{"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"}
	default:
		return original, false
	}
	method, host, target := only(request.Header, names[0]), only(request.Header, names[1]), only(request.Header, names[2])
	return Original{method, host, target}, method != "" && host != "" && target != ""
}

// only gives the value of a header that is there once; "" else.
func only(header http.Header, name string) string {
	if values := header[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func trusts(trusted *config.TrustedProxies, peer string) bool {
	if peer == PeerUnix {
		return trusted.Unix
	}
	address, err := netip.ParseAddrPort(peer)
	return err == nil && trusted.Contains(address.Addr())
}

// maxPathSegments bounds the work that a path can make.
const maxPathSegments = 256

// pathOf gives the decoded segments of a request target's path: the query is cut, then the path is decoded once. false:
// it has something that programs read in different ways (%2f, %5c, %25, %00 and other controls, a backslash, a semicolon,
// //, dot segments raw or encoded, a fragment, a raw blank, what is no UTF-8), or it is no path at all; such a request is
// never let in by a route. The last segment is "" where the path ends in a slash.
func pathOf(target string) (segments []string, ok bool) {
	path, _, _ := strings.Cut(target, "?")
	if path == "" || path[0] != '/' || strings.ContainsAny(path, " #") || strings.Count(path, "/") > maxPathSegments {
		return nil, false
	}
	segments = strings.Split(path[1:], "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil || segmentProblem(decoded) != "" || segment == "" && i < len(segments)-1 {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// cleanHost gives a Host header's name: in lower case, without port and final dot. false: there is none, or it is no
// host. The address of an IPv6 host has colons, which the host of no match has.
func cleanHost(host string) (string, bool) {
	if strings.HasPrefix(host, "[") {
		inner, port, closed := strings.Cut(host[1:], "]")
		address, err := netip.ParseAddr(inner)
		return address.String(), closed && err == nil && address.Is6() && address.Zone() == "" && isPort(port)
	}
	name, port, found := strings.Cut(host, ":")
	name = strings.TrimSuffix(name, ".")
	if name == "" || found && !isPort(":"+port) || !isASCII(name) {
		return "", false
	}
	name = strings.ToLower(name)
	return name, hostProblem(name) == ""
}

// isASCII: in lower case the Kelvin sign would be a k.
func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c >= utf8.RuneSelf })
}

// isPort reports whether text is empty, or a colon and at most five digits.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	digits := strings.TrimPrefix(text, ":")
	return len(digits) < len(text) && len(digits) <= 5 && strings.Trim(digits, "0123456789") == ""
}
