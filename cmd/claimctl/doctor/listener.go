package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// listenerChecks are the questions about one address that claimd listens on.
var listenerChecks = []check[listener]{
	{name: "answers", ask: (*listener).askAnswer},
	{name: "plaintext", ask: (*listener).askPlaintext},
	{name: "certificate", ask: (*listener).askCertificate},
}

// listener is one address that claimd listens on.
type listener struct {
	admin.Listener
	client *http.Client
	leaf   *x509.Certificate // that of the files, where the address speaks TLS; nil: they hold none
}

// askListeners asks at each address that the daemon has bound: which those are it alone knows, as systemd may have
// handed it sockets.
func askListeners(ctx context.Context, options Options, h *host) []finding.Finding {
	if h.status == nil {
		return nil
	}
	var findings []finding.Finding
	for _, bound := range h.status.Listeners {
		l := &listener{Listener: bound, client: clientTo(bound.Address)}
		l.useTLS(options.Loaded)
		findings = append(findings, ask(ctx, options.Step, bound.Door+" "+bound.Address, l, listenerChecks)...)
	}
	return findings
}

// clientTo gives a client whose every request goes to that address, host:port or unix:/path. It follows no redirect.
func clientTo(address string) *http.Client {
	network, target := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, target = "unix", path
	} else if host, port, err := net.SplitHostPort(address); err == nil && (host == "" || isUnspecified(host)) {
		target = net.JoinHostPort("localhost", port)
	}
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, target)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func isUnspecified(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsUnspecified()
}

// askAnswer asks each door what it must answer without a token.
func (l *listener) askAnswer(ctx context.Context) finding.Finding {
	if l.TLS && l.leaf == nil {
		return finding.Untold("see the answer about the configuration", "%s speaks TLS, and the certificate is not read here", l.Address)
	}
	switch l.Door {
	case "server":
		return l.askServer(ctx)
	case "proxy":
		return l.askAPI(ctx)
	}
	status, _, err := l.status(ctx, "/metrics")
	switch {
	case err != nil:
		return l.silent(ctx, err)
	case status != http.StatusOK:
		return finding.Bad("does something else listen there?", "/metrics is answered %d", status)
	}
	return finding.Good("/metrics 200")
}

func (l *listener) askServer(ctx context.Context) finding.Finding {
	alive, _, err := l.status(ctx, "/livez")
	if err != nil {
		return l.silent(ctx, err)
	}
	ready, _, err := l.status(ctx, "/readyz")
	switch {
	case err != nil:
		return l.silent(ctx, err)
	case alive != http.StatusOK:
		return finding.Bad("does something else listen there?", "/livez is answered %d", alive)
	case ready == http.StatusServiceUnavailable:
		return finding.Bad("see the answer about ready", "/livez 200, /readyz 503: no request can be judged")
	case ready != http.StatusOK:
		return finding.Bad("does something else listen there?", "/readyz is answered %d", ready)
	}
	return finding.Good("/livez 200, /readyz 200")
}

// askAPI calls the API through claimd's own proxy without a token.
func (l *listener) askAPI(ctx context.Context) finding.Finding {
	status, decision, err := l.status(ctx, "/")
	switch {
	case err != nil:
		return l.silent(ctx, err)
	case status/100 == 2:
		return finding.Bad("stop what listens there: it is not claimd's proxy", "the API answers without a token (%d)", status)
	case decision == "":
		return finding.Bad("does something else listen there?", "without a token it is answered %d, but not by claimd", status)
	}
	return finding.Good("without a token %d", status)
}

func (l *listener) status(ctx context.Context, path string) (status int, decision string, err error) {
	scheme := "http"
	if l.TLS {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://claimd"+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header.Get("X-Claimd-Decision"), nil
}

func (l *listener) silent(ctx context.Context, err error) finding.Finding {
	if errors.Is(err, fs.ErrPermission) {
		return finding.Untold("run claimctl as root, or as a member of its group", "this user may not use %s", l.Address)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return finding.Bad("claimctl reload tells why", "%s shows another certificate than tls_certificate holds", l.Address)
	}
	return finding.Bad("journalctl -u claimd", "%s", dialCause(ctx, err))
}

// askPlaintext tells of addresses that other hosts reach without TLS. It does not arise for the others.
func (l *listener) askPlaintext(context.Context) finding.Finding {
	host, _, err := net.SplitHostPort(l.Address)
	if l.TLS || strings.HasPrefix(l.Address, "unix:") || err != nil || config.IsLoopback(host) {
		return finding.Finding{}
	}
	return finding.Untold("listen on loopback or a unix socket, or see to it that nobody else is on that network",
		"other hosts reach %s without TLS: whether identities and tokens stay private depends on the network", l.Address)
}
