package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/claimd/claimd/daemon/entra"
)

// DefaultAdminSocket is the admin socket without [admin] socket.
const DefaultAdminSocket = "/run/claimd/admin.sock"

// MaxSocketPath is the most bytes in the path of a unix socket (unix(7): 108 with the final NUL).
const MaxSocketPath = 107

func absolutePath(path string) flaw {
	switch {
	case !filepath.IsAbs(path):
		return flawf("want a path that begins with /, got %s", show(path))
	case strings.ContainsRune(path, 0):
		return flawf("want a path, got %s", show(path))
	}
	return flaw{}
}

func socketPath(path string) flaw {
	if found := absolutePath(path); found.problem != "" {
		return found
	}
	if len(path) > MaxSocketPath {
		return flawf("want a socket's path of at most %d bytes, got %d", MaxSocketPath, len(path))
	}
	return flaw{}
}

// listenAddress judges host:port or unix:/path. Without anywhere, TCP must stay on this host, as it is not encrypted.
func listenAddress(anywhere bool) form {
	return func(address string) flaw {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			return socketPath(path)
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || !isPort(port) || !isHost(host) && host != "" {
			return flawf("want host:port or unix:/path, got %s", show(address))
		}
		if !anywhere && !IsLoopback(host) {
			return flaw{
				problem: "want an address of this host only, such as \"127.0.0.1:4180\", got " + show(address),
				hint:    `identities would cross the network unencrypted; server.plaintext = "anywhere" allows it`,
			}
		}
		return flaw{}
	}
}

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isHost reports whether the text is an IP address or could be a host name.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || strings.TrimFunc(label, func(r rune) bool { return r < 0x80 && isBare(byte(r)) }) != "" {
			return false
		}
	}
	return true
}

// IsLoopback reports whether the host (a name or an IP address, without port) is this one for sure: other names than
// localhost may be anything.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// plainURL takes an address apart that may hold a scheme, a host, a port and a path, and nothing that is easily lost on
// the way or is a secret: no user, query or fragment.
func plainURL(text string) (*url.URL, flaw) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Opaque != "", u.Host == "", !isHost(u.Hostname()), u.Port() != "" && !isPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		return nil, flawf("want a URL, got %s", show(text))
	case u.User != nil:
		return nil, flawf("want a URL without a user and a password")
	case u.RawQuery != "", u.ForceQuery:
		return nil, flawf("want a URL without a query, got %s", show(text))
	case u.Fragment != "", strings.HasSuffix(text, "#"):
		return nil, flawf("want a URL without a fragment, got %s", show(text))
	}
	return u, flaw{}
}

// authority judges where a provider's documents are fetched from.
func authority(text string) flaw {
	u, found := plainURL(text)
	if u == nil {
		return found
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && IsLoopback(u.Hostname())) {
		return flaw{"want https, or http on this host only, got " + show(text), "whoever can change the keys on their way can sign tokens"}
	}
	if strings.HasSuffix(u.Path, "//") || strings.Contains(u.Path, "/../") || strings.HasSuffix(u.Path, "/..") {
		return flawf("want a plain path, got %s", show(text))
	}
	return flaw{}
}

// upstream judges where the API stands that the proxy passes requests to.
func upstream(text string) flaw {
	const want = "want http://host:port, https://host or unix:/path, got "
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return socketPath(path)
	}
	u, found := plainURL(text)
	switch {
	case u == nil:
		return found
	case u.Scheme != "http" && u.Scheme != "https":
		return flaw{problem: want + show(text)}
	case u.Path != "" && u.Path != "/":
		return flaw{want + show(text), "paths are passed on as they come; none is put before them"}
	}
	return flaw{}
}

// outboundProxy judges the proxy that requests to providers go through.
func outboundProxy(text string) flaw {
	u, found := plainURL(text)
	switch {
	case u == nil:
		return found
	case u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "":
		return flawf("want http://host:port, got %s", show(text))
	}
	return flaw{}
}

// applicationIDURI judges an audience of v1.0 tokens, which is compared byte for byte.
func applicationIDURI(text string) flaw {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return flawf("want an application ID URI, got an empty string")
	case strings.ContainsFunc(text, isBlankOrControl), err != nil, u.Scheme == "":
		return flawf("want an application ID URI such as \"api://contoso.com/reports\", got %s", show(text))
	case u.User != nil:
		return flawf("want an application ID URI without a user and a password")
	case strings.ContainsAny(text, "?#"):
		return flawf("want an application ID URI without a query and a fragment, got %s", show(text))
	case entra.IsGraphAudience(text):
		return flaw{"want a URI of your own, got that of Microsoft Graph", "a token for Graph is meant for Microsoft, and must not open this API"}
	}
	return flaw{}
}

func isBlankOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

// scopeWord judges one word of scp (RFC 6749 3.3).
func scopeWord(text string) flaw {
	if text == "" {
		return flawf("want a scope, got an empty string")
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return flaw{"want one scope, got " + show(text), "each scope is an element of its own"}
		}
	}
	return flaw{}
}
