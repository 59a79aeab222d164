package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

// maxDocument is the most that is read of a document, in bytes: what claimd itself reads.
const maxDocument = 1 << 20

// providerChecks are the questions about one provider.
var providerChecks = []check[visit]{
	{name: "outbound proxy", ask: (*visit).askProxy},
	{name: "DNS", ask: (*visit).askDNS},
	{name: "connection", needs: "DNS", ask: (*visit).askConnection},
	{name: "TLS", needs: "connection", ask: (*visit).askTLS},
	{name: "clock", needs: "TLS", ask: (*visit).askClock},
	{name: "document v1.0", needs: "TLS", ask: func(v *visit, ctx context.Context) finding.Finding { return v.askDocument(ctx, entra.V1) }},
	{name: "document v2.0", needs: "TLS", ask: func(v *visit, ctx context.Context) finding.Finding { return v.askDocument(ctx, entra.V2) }},
	{name: "keys", needs: "TLS", ask: (*visit).askKeys},
	{name: "own keys", needs: "keys", ask: (*visit).askOwnKeys},
	{name: graphCheck, needs: "document v2.0", ask: (*visit).askGraph},
}

// openIDChecks are those about a provider that is not Entra ID.
var openIDChecks = []check[visit]{
	{name: "outbound proxy", ask: (*visit).askProxy},
	{name: "DNS", ask: (*visit).askDNS},
	{name: "connection", needs: "DNS", ask: (*visit).askConnection},
	{name: "TLS", needs: "connection", ask: (*visit).askTLS},
	{name: documentCheck, needs: "TLS", ask: (*visit).askOpenID},
	{name: "opaque tokens", needs: documentCheck, ask: (*visit).askOpaque},
}

// visit is what becomes known about one provider while it is asked.
type visit struct {
	loaded    *daemon.Loaded
	provider  *config.Provider
	source    keys.Source
	authority *url.URL
	proxy     *url.URL // nil = direct
	client    *http.Client
	trust     *tls.Config
	byCAFile  bool // ca_file is set

	conn      net.Conn // for TLS; nil where there is none
	documents map[entra.Version]fetched
	keys      *keys.Status // nil = not fetched yet
	graph     string       // what the documents name as msgraph_host, as an address; "" = nothing
}

// fetched is one document as it came.
type fetched struct {
	status int
	header http.Header
	body   []byte
	began  time.Time
	took   time.Duration
	err    error
}

func newVisit(loaded *daemon.Loaded, provider *config.Provider, source keys.Source) *visit {
	v := &visit{loaded: loaded, provider: provider, source: source, client: loaded.Client, documents: map[entra.Version]fetched{}}
	v.authority, _ = url.Parse(cmp.Or(source.Issuer, source.Authority)) // the configuration's check has parsed it before
	if v.authority == nil {
		v.authority = &url.URL{}
	}
	if outbound := loaded.Config.Outbound; outbound.Proxy != "" && !config.IsLoopback(v.authority.Hostname()) {
		v.proxy, _ = url.Parse(outbound.Proxy)
	}
	v.byCAFile = loaded.Config.Outbound.CA != nil
	v.trust = trustOf(loaded)
	return v
}

// trustOf gives a copy of the TLS settings that claimd itself goes by.
func trustOf(loaded *daemon.Loaded) *tls.Config {
	if loaded != nil {
		if transport, ok := loaded.Client.Transport.(*http.Transport); ok && transport.TLSClientConfig != nil {
			return transport.TLSClientConfig.Clone()
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

func (v *visit) close() {
	if v.conn != nil {
		_ = v.conn.Close()
	}
	v.client.CloseIdleConnections()
}

// address gives host:port of the authority.
func (v *visit) address() string {
	port := v.authority.Port()
	if port == "" {
		port = "443"
		if v.authority.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(v.authority.Hostname(), port)
}

// get fetches an address of the provider as claimd would. It follows no redirect.
func (v *visit) get(ctx context.Context, address string) fetched {
	f := fetched{began: time.Now()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		f.err = err
		return f
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "claimctl")
	response, err := v.client.Do(request)
	f.took = time.Since(f.began)
	if err != nil {
		f.err = err
		return f
	}
	defer response.Body.Close()
	f.status, f.header = response.StatusCode, response.Header
	f.body, f.err = io.ReadAll(io.LimitReader(response.Body, maxDocument))
	return f
}

// document gives the provider's document of that version, fetched once.
func (v *visit) document(ctx context.Context, version entra.Version) fetched {
	if f, ok := v.documents[version]; ok {
		return f
	}
	f := v.get(ctx, entra.DocumentURL(v.source.Authority, version, v.source.Tenant))
	v.documents[version] = f
	return f
}

// askClock holds this host's clock against the Date that the provider writes (RFC 9110 section 6.6.1: whole seconds).
func (v *visit) askClock(ctx context.Context) finding.Finding {
	f := v.document(ctx, entra.V2)
	if f.err != nil {
		return finding.Untold("", "%s: %s", v.source.Authority, dialCause(ctx, f.err))
	}
	date, err := http.ParseTime(f.header.Get("Date"))
	if err != nil {
		return finding.Untold("timedatectl", "%s tells no time", v.authority.Hostname())
	}
	early := date.Sub(f.began.Add(f.took).Truncate(time.Second)) // > 0: this host is behind
	late := f.began.Truncate(time.Second).Sub(date)              // > 0: this host is ahead
	const toDo = "timedatectl shows whether the clock is kept; systemctl enable --now systemd-timesyncd (or chrony) keeps it"
	allowed := v.provider.ClockSkew
	switch {
	case early > allowed:
		return finding.Bad(toDo, "this host is %s behind the provider, and clock_skew is %s: fresh tokens are refused as not_yet_valid", seconds(early), seconds(allowed))
	case late > allowed:
		return finding.Bad(toDo, "this host is %s ahead of the provider, and clock_skew is %s: tokens are refused as expired too early", seconds(late), seconds(allowed))
	case early > 0:
		return finding.Good("%s behind the provider; clock_skew is %s", seconds(early), seconds(allowed))
	case late > 0:
		return finding.Good("%s ahead of the provider; clock_skew is %s", seconds(late), seconds(allowed))
	}
	return finding.Good("as the provider's, to the second; clock_skew is %s", seconds(allowed))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Seconds())) }
