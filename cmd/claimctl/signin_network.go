package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// certificateProblem words a TLS failure; "" = it is none.
func certificateProblem(err error) string {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		text := "its TLS certificate is not from an authority that this host trusts"
		if unknown.Cert != nil && len(unknown.Cert.Issuer.String()) > 0 {
			text += " (issued by " + unknown.Cert.Issuer.String() + ")"
		}
		return text + ": something in between may read along"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its TLS certificate is for another name than " + name.Host
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "its TLS certificate has expired or is not valid yet (or this host's clock is wrong)"
		}
		return "its TLS certificate is not valid"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its TLS certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "it does not speak TLS"
	}
	return ""
}

// networkProblem words what else can go wrong on the way.
func networkProblem(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return "there is no host " + name.Name
		}
		return "the name " + name.Name + " cannot be looked up"
	}
	timeout, isTimeout := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused: nothing listens there"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was cut off"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout && timeout.Timeout():
		return "it did not answer in time"
	}
	text := err.Error() // of the transport: an address and what went wrong with it
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
