package directory

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/claimd/claimd/daemon/config"
)

// postgresURL is what a postgres:// URL says. Nothing of it comes from elsewhere: neither the environment nor a file in
// a home directory is read.
type postgresURL struct {
	host     string // a name, an IP address, or the directory of the unix socket
	port     uint16
	database string
	user     string
	password string // "": none is sent
	verified bool   // TLS, with a certificate for this very host; false: plain, and on this host only
	roots    string // the PEM file of who may have signed it; "": the system's
}

// The port of a URL that names none.
const postgresPort = 5432

// CheckURL says what is wrong with the URL of a PostgreSQL, as a *Refusal whose words do not hold the password. It
// looks at the text only.
func CheckURL(text string) error {
	if _, refusal := parsePostgresURL(text); refusal != nil {
		return refusal
	}
	return nil
}

// local reports that what is sent to the server stays on this host.
func (u *postgresURL) local() bool { return u.unix() || config.IsLoopback(u.host) }

func (u *postgresURL) unix() bool { return strings.HasPrefix(u.host, "/") }

// place names the database without user and password.
func (u *postgresURL) place() string {
	port := strconv.Itoa(int(u.port))
	if u.unix() {
		return u.host + ":" + port + "/" + u.database
	}
	return net.JoinHostPort(u.host, port) + "/" + u.database
}

// sameDatabase reports that both name one database; user, password and the files of TLS may differ.
func (u *postgresURL) sameDatabase(other *postgresURL) bool { return u.place() == other.place() }

const (
	urlForm     = "postgres://USER:PASSWORD@HOST:PORT/DATABASE"
	urlEncoding = "in USER and PASSWORD write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
)

// parsePostgresURL takes the text apart. Its refusals quote only what cannot be a piece of the password.
func parsePostgresURL(text string) (*postgresURL, *Refusal) {
	text = strings.TrimRight(text, "\r\n")
	scheme, rest, found := strings.Cut(text, "://")
	if !found || (scheme != "postgres" && scheme != "postgresql") {
		return nil, &Refusal{"the URL of the database does not begin with postgres://", "the form is " + urlForm}
	}
	parsed, err := url.Parse(text)
	if err != nil || strings.Count(rest, "@") > 1 || strings.ContainsAny(rest, "# \t\r\n") {
		return nil, &Refusal{"the URL of the database cannot be taken apart", "the form is " + urlForm + "; " + urlEncoding}
	}
	if parsed.User == nil || parsed.User.Username() == "" {
		return nil, &Refusal{"the URL of the database names no user", "the form is " + urlForm}
	}
	u := &postgresURL{host: parsed.Hostname(), port: postgresPort, user: parsed.User.Username()}
	u.password, _ = parsed.User.Password()
	u.database = strings.TrimPrefix(parsed.Path, "/")
	if u.database == "" || strings.Contains(u.database, "/") {
		return nil, &Refusal{"the URL of the database names no database", "the form is " + urlForm}
	}
	if strings.ContainsRune(u.user+u.password+u.database, 0) {
		return nil, &Refusal{"the URL of the database holds a NUL", "PostgreSQL takes none in a name or a password"}
	}
	if text := parsed.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, &Refusal{"the URL of the database has no port that can be: want 1 to 65535", "without one it is 5432"}
		}
		u.port = uint16(port)
	}
	if refusal := u.setParameters(parsed.RawQuery); refusal != nil {
		return nil, refusal
	}
	return u, nil
}

// parameterWords say of the parameters that libpq knows why they are not taken.
var parameterWords = map[string]string{
	"user":             "the user stands before the @",
	"password":         "the password stands before the @",
	"dbname":           "the database stands after the host",
	"port":             "the port stands after the host; for a unix socket write USER@:PORT/DATABASE?host=/DIRECTORY",
	"hostaddr":         "the host stands after the @",
	"service":          "claimd reads no service file",
	"servicefile":      "claimd reads no service file",
	"passfile":         "claimd reads no password file",
	"sslcert":          "claimd shows the database no certificate of its own; a password over TLS is what it has",
	"sslkey":           "claimd shows the database no certificate of its own; a password over TLS is what it has",
	"connect_timeout":  "claimd sets it itself, to 5 s",
	"application_name": "claimd sets it itself, to claimd",
	"options":          "claimd sets what it needs itself",
	"search_path":      "claimd writes to the schema claimd",
}

func (u *postgresURL) setParameters(query string) *Refusal {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &Refusal{"what stands after the ? in the URL of the database cannot be taken apart", "the form is ?NAME=VALUE&NAME=VALUE"}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if len(values[name]) > 1 {
			return &Refusal{"the URL of the database has the parameter " + strconv.Quote(name) + " twice", "leave one of them out"}
		}
		if slices.Contains([]string{"host", "sslmode", "sslrootcert"}, name) {
			continue
		}
		hint, known := parameterWords[name]
		if !known {
			hint = "host, sslmode and sslrootcert are taken"
		}
		return &Refusal{"the URL of the database has the parameter " + strconv.Quote(name) + ", which is not taken", hint}
	}
	if refusal := u.setHost(values); refusal != nil {
		return refusal
	}
	return u.setTLS(values)
}

func (u *postgresURL) setHost(values url.Values) *Refusal {
	directory := values.Get("host")
	switch {
	case values.Has("host") && u.host != "":
		return &Refusal{"the URL of the database names a host twice", "?host= names the directory of a unix socket, where no host stands after the @"}
	case values.Has("host") && (!filepath.IsAbs(directory) || strings.ContainsRune(directory, 0)):
		return &Refusal{"the parameter host in the URL of the database is no absolute path", "it names the directory of a unix socket, such as /run/postgresql"}
	case values.Has("host"):
		u.host = filepath.Clean(directory)
	case u.host == "":
		return &Refusal{"the URL of the database names no host", "the form is " + urlForm + "; for a unix socket postgres://USER@/DATABASE?host=/run/postgresql"}
	case strings.ContainsAny(u.host, ",/%\x00"):
		return &Refusal{"the URL of the database has no host that can be: want one name or address", "of several servers one name must lead to the one that can be written to"}
	}
	return nil
}

// setTLS: whoever can listen between two hosts can be the database there; a certificate for the very host is the one
// thing that shows it, so nothing weaker is taken.
func (u *postgresURL) setTLS(values url.Values) *Refusal {
	mode := values.Get("sslmode")
	switch {
	case u.unix() && (mode == "verify-full" || values.Has("sslrootcert")):
		return &Refusal{"the URL of the database asks for TLS on a unix socket", "leave sslmode and sslrootcert out"}
	case mode == "verify-full":
		u.verified = true
	case mode == "disable" && u.local():
	case values.Has("sslmode") && u.local():
		return &Refusal{"the parameter sslmode in the URL of the database is " + strconv.Quote(mode) + ": want disable or verify-full",
			"on this host plain connections are the default"}
	case values.Has("sslmode"):
		return &Refusal{"the parameter sslmode in the URL of the database is " + strconv.Quote(mode) + ": want verify-full for another host",
			"leave it out, and name the file of the authority that signed the server's certificate with sslrootcert"}
	default:
		u.verified = !u.local()
	}
	if !values.Has("sslrootcert") {
		return nil
	}
	u.roots = values.Get("sslrootcert")
	switch {
	case !u.verified:
		return &Refusal{"the URL of the database has sslrootcert where there is no TLS", "add sslmode=verify-full"}
	case u.roots == "system":
		u.roots = ""
	case !filepath.IsAbs(u.roots) || strings.ContainsRune(u.roots, 0):
		return &Refusal{"the parameter sslrootcert in the URL of the database is no absolute path", "it names a PEM file; the word system stands for the system's roots, which are the default"}
	}
	return nil
}
