package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresError is what went wrong at the database, in words for an administrator; a *Refusal is found in it. The words
// hold neither the password nor anything that a token said.
type postgresError struct {
	Refusal
	err error
}

func (e *postgresError) Error() string { return e.Problem }

func (e *postgresError) Unwrap() []error { return []error{&e.Refusal, e.err} }

// The classes and codes of PostgreSQL's errors that are told apart
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeReadOnly      = "25006"
	codePassword      = "28P01"
	codeAuthorization = "28000"
	codeNoDatabase    = "3D000"
	codeNoSchema      = "3F000"
	codeNoTable       = "42P01"
	codePermission    = "42501"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeDiskFull      = "53100"
	codeTooMany       = "53300"
	codeLock          = "55P03"
	codeCanceled      = "57014"
	codeRaised        = "P0001"
)

var codeWords = map[string]struct{ problem, hint string }{
	codeReadOnly:      {"is read-only", "it is a standby, or default_transaction_read_only is on; let the URL lead to the primary"},
	codePassword:      {"does not take the password of [directory] url_file", "alter role ... password, or write the right one into the file; it is read at each new connection"},
	codeAuthorization: {"does not let the user of [directory] url_file in", "pg_hba.conf needs a line for this host, user and database"},
	codeNoDatabase:    {"has no database of that name", "create role claimd login password '...'; create database claimd owner claimd"},
	codeNoSchema:      {"does not hold the tables of the directory any more", "restore them from a backup, or restart claimd to begin with an empty directory"},
	codeNoTable:       {"does not hold the tables of the directory any more", "restore them from a backup, or restart claimd to begin with an empty directory"},
	codePermission:    {"does not permit it to the user of [directory] url_file", "the user must own the schema claimd, or the database: alter database ... owner to ..."},
	codeDiskFull:      {"has no space left on its disk", "free some; claimd tries again by itself"},
	codeTooMany:       {"has no connection left", "raise max_connections, or the limit of the role; each claimd needs up to 5"},
	codeLock:          {"did not give a lock within 5 s", "select * from pg_stat_activity shows who holds it"},
	codeCanceled:      {"took too long", "select * from pg_stat_activity shows what it does"},
}

// explain puts an error of pgx in words; nil stays nil, and so do errors that are in words already.
func (p *postgres) explain(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, errSame) || errors.Is(err, errRewound) || errors.Is(err, errCommit) {
		return err
	}
	if _, ok := errors.AsType[*Unwanted](err); ok || errors.Is(err, errCursor) {
		return err
	}
	if _, ok := errors.AsType[*Refusal](err); ok {
		return err
	}
	if refusesRow(err) {
		err = fmt.Errorf("%w: %w", errRow, err)
	}
	problem, hint := postgresWords(err)
	return &postgresError{Refusal{Problem: "PostgreSQL at " + p.place + " " + problem, Hint: hint}, err}
}

func postgresWords(err error) (problem, hint string) {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answerWords(answer)
	}
	if errors.Is(err, errMoved) {
		return "is not where [directory] url_file leads now", "systemctl restart claimd; what memory holds is of the database that was there at the start"
	}
	if errors.Is(err, errStandby) {
		return "is a standby, which may be behind", "let the URL lead to the primary"
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return "cannot be reached, as " + path.Path + " cannot be read: " + path.Err.Error(), "sslrootcert in [directory] url_file names it"
	}
	if problem, hint, ok := tlsWords(err); ok {
		return problem, hint
	}
	_, timeout := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "was not waited for", "try again"
	case errors.Is(err, context.DeadlineExceeded), timeout && pgconn.Timeout(err):
		return "does not answer", "systemctl status postgresql on its host, and the network between"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return "is not running, or does not listen there", "systemctl status postgresql on its host; listen_addresses in postgresql.conf"
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return "cannot be found: " + unknown.Err, "the host is named in [directory] url_file"
	}
	if strings.Contains(err.Error(), "require_auth") {
		return "asks for the password in the clear", "without TLS it gets scram-sha-256 only: set it in pg_hba.conf, and the password anew"
	}
	return "cannot be used: " + lastLine(err), "systemctl status postgresql on its host"
}

func answerWords(answer *pgconn.PgError) (problem, hint string) {
	if words, ok := codeWords[answer.Code]; ok {
		return words.problem, words.hint
	}
	if strings.HasPrefix(answer.Code, "57P") {
		return "is starting or stopping", "claimd tries again by itself"
	}
	return "answered " + answer.Message + " (" + answer.Code + ")", "its log tells more"
}

func tlsWords(err error) (problem, hint string, ok bool) {
	const roots = "sslrootcert in [directory] url_file names the PEM file of who signed it"
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "shows a certificate of another host than " + name.Host, "the URL must name the host as the certificate does", true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "shows a certificate that is signed by an unknown authority", roots, true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "shows a certificate that is not valid: " + invalid.Error(), "check this host's clock too", true
	}
	if other, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "shows a certificate that does not hold: " + other.Err.Error(), roots, true
	}
	if strings.Contains(err.Error(), "server refused TLS") {
		return "does not speak TLS", "ssl = on in postgresql.conf; plain connections are for databases on this host", true
	}
	return "", "", false
}

// lastLine is the innermost text of the errors that pgx puts around each other: the others repeat user and place.
func lastLine(err error) string {
	for {
		switch inner := err.(type) { //nolint:errorlint // the chain is walked to its end
		case interface{ Unwrap() error }:
			if inner.Unwrap() == nil {
				return err.Error()
			}
			err = inner.Unwrap()
		case interface{ Unwrap() []error }:
			all := inner.Unwrap()
			if len(all) == 0 {
				return err.Error()
			}
			err = all[len(all)-1]
		default:
			return err.Error()
		}
	}
}

// refusesRow reports that what was to be written is the fault, and not the database: data that has no form (class 22), a
// constraint (23), a limit of the program (54), or a trigger that says no.
func refusesRow(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(answer.Code) != 5 {
		return false
	}
	switch answer.Code[:2] {
	case "22", "23", "54":
		return true
	}
	return answer.Code == codeRaised
}

// again reports that the database undid everything and that the same may go well the next time.
func again(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (answer.Code == codeSerialization || answer.Code == codeDeadlock)
}

// broken reports that the connection failed and not the statement.
func broken(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(answer.Code, "57P") || strings.HasPrefix(answer.Code, "08")
	}
	if failed, ok := errors.AsType[net.Error](err); ok && !failed.Timeout() {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}
