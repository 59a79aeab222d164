package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/claimd/claimd/cmd/claimctl/finding"
)

// askProxy asks whether the outbound proxy can be reached. It does not arise where claimd goes direct.
func (v *visit) askProxy(ctx context.Context) finding.Finding {
	if v.proxy == nil {
		return finding.Finding{}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", v.proxy.Host)
	if err != nil {
		return finding.Bad("does the proxy run, and is proxy right under [outbound]?", "%s: %s", v.proxy.Host, dialCause(ctx, err))
	}
	_ = conn.Close()
	return finding.Good("%s answers", v.proxy.Host)
}

// askDNS looks the authority's host up, where claimd itself would.
func (v *visit) askDNS(ctx context.Context) finding.Finding {
	name := v.authority.Hostname()
	if v.proxy != nil {
		return finding.Good("the proxy looks %s up", name)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return finding.Good("%s is an address", name)
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return finding.Bad("resolvectl query "+name+"; where only a proxy leads outside, name it: proxy under [outbound]", "%s: %s", name, dialCause(ctx, err))
	}
	slices.Sort(addresses)
	if n := len(addresses); n > 2 {
		return finding.Good("%s is %s and %d more", name, addresses[0], n-1)
	}
	return finding.Good("%s is %s", name, strings.Join(addresses, " and "))
}

// askConnection opens the connection that TLS is spoken over, through the proxy where there is one.
func (v *visit) askConnection(ctx context.Context) finding.Finding {
	if v.proxy != nil {
		return v.connectThrough(ctx)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", v.address())
	if err != nil {
		return finding.Bad("does a firewall let this host out to "+v.address()+"? where only a proxy leads outside: proxy under [outbound]",
			"%s: %s", v.address(), dialCause(ctx, err))
	}
	v.conn = conn
	return finding.Good("to %s", v.address())
}

// connectThrough has the proxy open a tunnel (RFC 9110 section 9.3.6).
func (v *visit) connectThrough(ctx context.Context) finding.Finding {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", v.proxy.Host)
	if err != nil {
		return finding.Untold("", "needs a yes for outbound proxy")
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	_, err = fmt.Fprintf(conn, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\nUser-Agent: claimctl\r\n\r\n", v.address())
	var response *http.Response
	if err == nil {
		response, err = http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), &http.Request{Method: http.MethodConnect})
	}
	if err != nil {
		_ = conn.Close()
		return finding.Bad("is what answers there an HTTP proxy?", "%s gave no answer to CONNECT %s: %s", v.proxy.Host, v.address(), dialCause(ctx, err))
	}
	_ = response.Body.Close() // a tunnel has no body
	switch {
	case response.StatusCode == http.StatusOK:
		_ = conn.SetDeadline(time.Time{})
		v.conn = conn
		return finding.Good("%s opens the way to %s", v.proxy.Host, v.address())
	case response.StatusCode == http.StatusProxyAuthRequired:
		_ = conn.Close()
		return finding.Bad("let this host through to "+v.address()+" without a password: claimd signs in to no proxy",
			"%s wants a password (407)", v.proxy.Host)
	}
	_ = conn.Close()
	return finding.Bad("have the proxy allow CONNECT "+v.address(), "%s refuses CONNECT %s with %d", v.proxy.Host, v.address(), response.StatusCode)
}

// dialCause names what went wrong on the way, for people; who calls it names the address.
func dialCause(ctx context.Context, err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no such name"
	case ctx.Err() != nil, isTimeout(err):
		return "no answer in time"
	case errors.As(err, &dns):
		return "the name cannot be looked up: " + dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	}
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is no good: " + strings.TrimPrefix(refused.Err.Error(), "x509: ")
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return strings.TrimPrefix(err.Error(), "net/http: ")
}

func isTimeout(err error) bool {
	slow, ok := errors.AsType[net.Error](err)
	return ok && slow.Timeout()
}
