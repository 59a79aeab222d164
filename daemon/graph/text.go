package graph

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
)

// quote gives a text from outside in a form that is safe to show: quoted, escaped to ASCII, and cut after 128 bytes.
func quote(s string) string {
	if len(s) <= 128 {
		return strconv.QuoteToASCII(s)
	}
	return strconv.QuoteToASCII(s[:128]) + "..."
}

// causeOf names what went wrong on the way. The address is left out: nobody but Graph and the authority is asked.
func causeOf(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by an unknown authority; a private root goes into [outbound] ca_file"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not valid"
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "no answer came in time"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "the connection was cut off"
	}
	return err.Error()
}
