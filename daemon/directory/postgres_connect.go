package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The limits on a connection and on what goes over it. Those of the server and of this side stand beside each other: a
// server that is paused answers no time-out of its own.
const (
	postgresConnections = 4 // beside the one that listens
	connectTimeout      = 5 * time.Second
	pingTimeout         = 2 * time.Second
	writeTimeout        = 10 * time.Second // of a change or a batch, from the wait for a connection to the commit
	listTimeout         = 30 * time.Second // of a list, likewise
	connectionLife      = 30 * time.Minute // then a new one asks for the URL again
	connectionIdle      = 5 * time.Minute
	messageBytes        = 64 << 20 // of one answer of the server, which is a row at most
)

// sessionParameters are what every connection begins with. The limits of the server are here too, so that it ends by
// itself what this side has given up. Names are looked up in pg_catalog only: all others are written with their schema.
func sessionParameters() map[string]string {
	return map[string]string{
		"application_name":                    "claimd",
		"client_encoding":                     "UTF8",
		"search_path":                         "pg_catalog",
		"standard_conforming_strings":         "on",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "5s",
		"idle_in_transaction_session_timeout": "60s",
		"jit":                                 "off",
	}
}

// connectConfig gives what a connection to the URL is made with, but for what setSecrets sets. pgx takes a
// configuration only from its own parser, which looks at the environment and at files in the home directory; so the
// parser is told every single thing it could take from there, and the fields are set anew after it.
func connectConfig(u *postgresURL, lines *lines) (*pgx.ConnConfig, error) {
	// The one variable that no text can overrule: it names a section of a file, which must then exist.
	if err := os.Unsetenv("PGSERVICE"); err != nil {
		return nil, err
	}
	c, err := pgx.ParseConfig("host=127.0.0.1 port=5432 dbname=x user=x password=x passfile=/dev/null sslmode=disable sslcert='' sslkey='' " +
		"sslrootcert='' sslpassword='' sslcertmode=disable sslsni=1 sslnegotiation=postgres application_name=claimd options='' timezone=UTC " +
		"connect_timeout=5 target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''")
	if err != nil {
		return nil, fmt.Errorf("pgx: %w", err)
	}
	c.Host, c.Port, c.Database = u.host, u.port, u.database
	c.RuntimeParams = sessionParameters()
	c.ConnectTimeout = connectTimeout
	c.DialFunc = lines.dial
	c.LookupFunc = lookUp(u)
	c.MaxProtocolMessageBodyLen = messageBytes
	c.ValidateConnect = wantPrimary
	c.SSLCertMode = ""
	return c, nil
}

// setSecrets sets what may differ from one connection to the next.
func setSecrets(c *pgx.ConnConfig, u *postgresURL) error {
	c.User, c.Password = u.user, u.password
	c.TLSConfig, c.Fallbacks = nil, nil
	// Whoever took the port of a stopped server on this host shall not be told the password.
	c.RequireAuth = "!password"
	if !u.verified {
		return nil
	}
	c.RequireAuth = ""
	c.TLSConfig = &tls.Config{ServerName: u.host, MinVersion: tls.VersionTLS12}
	if u.roots == "" {
		return nil
	}
	text, err := os.ReadFile(u.roots)
	if err != nil {
		return fmt.Errorf("sslrootcert: %w", err)
	}
	c.TLSConfig.RootCAs = x509.NewCertPool()
	if !c.TLSConfig.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("sslrootcert: %s: want certificates as PEM, got none", u.roots)
	}
	return nil
}

// lookUp resolves the host at each connection. Where plain connections rest on the host being this one, every address
// must be.
func lookUp(u *postgresURL) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil || u.verified {
			return addresses, err
		}
		for _, text := range addresses {
			if address, err := netip.ParseAddr(text); err != nil || !address.Unmap().IsLoopback() {
				return nil, fmt.Errorf("%s is %s: want an address of this host for a connection without TLS", host, text)
			}
		}
		return addresses, nil
	}
}

// errMoved: everything that memory holds is of the database that was there at the start.
var errMoved = errors.New("the URL names another database than at the start\nhint: systemctl restart claimd")

// errStandby: a standby answers every look, and may be behind its primary for ever: who was shut out there would come in
// here. One that becomes the primary is taken at the next connection; a primary that becomes one ends its connections.
var errStandby = errors.New("want the primary, got a standby")

// wantPrimary looks at every new connection before anything else is asked over it.
func wantPrimary(ctx context.Context, conn *pgconn.PgConn) error {
	answer := conn.ExecParams(ctx, `select pg_catalog.pg_is_in_recovery()::text`, nil, nil, nil, nil).Read()
	switch {
	case answer.Err != nil:
		return answer.Err
	case len(answer.Rows) != 1 || string(answer.Rows[0][0]) != "false":
		return errStandby
	}
	return nil
}

// dress sets the secrets of a connection that is about to be made from the URL as it is now.
func (p *postgres) dress(_ context.Context, c *pgx.ConnConfig) error {
	u, refusal := parsePostgresURL(p.ask())
	switch {
	case refusal != nil:
		return refusal
	case !u.sameDatabase(p.url):
		return errMoved
	}
	return setSecrets(c, u)
}

func newPool(p *postgres) (*pgxpool.Pool, error) {
	// Of the pool's own parser only the defaults are wanted: it has the same habits.
	single, err := connectConfig(p.url, p.lines)
	if err != nil {
		return nil, err
	}
	c, err := pgxpool.ParseConfig("host=127.0.0.1 user=x password=x passfile=/dev/null sslmode=disable sslcert='' sslkey='' sslrootcert='' " +
		"sslcertmode=disable sslsni=1 sslnegotiation=postgres target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 " +
		"connect_timeout=5 channel_binding=prefer require_auth=''")
	if err != nil {
		return nil, fmt.Errorf("pgx: %w", err)
	}
	c.ConnConfig = single
	c.BeforeConnect = p.dress
	c.MaxConns, c.MinConns, c.MinIdleConns = postgresConnections, 0, 0
	c.MaxConnLifetime, c.MaxConnLifetimeJitter = connectionLife, connectionLife/10
	c.MaxConnIdleTime = connectionIdle
	c.HealthCheckPeriod = time.Minute
	c.PingTimeout = pingTimeout
	return pgxpool.NewWithConfig(context.Background(), c)
}

// lines are the network connections that are open, so that close can end them all: pgx waits up to 15 s for a server
// that does not answer.
type lines struct {
	mutex  sync.Mutex
	closed bool
	open   map[*line]struct{}
}

type line struct {
	net.Conn
	of *lines
}

func newLines() *lines { return &lines{open: map[*line]struct{}{}} }

// dial notices within 30 s that the other end is gone.
func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	opened := &line{Conn: conn, of: l}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.open[opened] = struct{}{}
	return opened, nil
}

// Close ends the connection and forgets it.
func (l *line) Close() error {
	l.of.mutex.Lock()
	delete(l.of.open, l)
	l.of.mutex.Unlock()
	return l.Conn.Close()
}

// close ends every connection and lets no new one begin.
func (l *lines) close() {
	l.mutex.Lock()
	l.closed = true
	open := l.open
	l.open = map[*line]struct{}{}
	l.mutex.Unlock()
	for line := range open {
		line.Conn.Close()
	}
}
