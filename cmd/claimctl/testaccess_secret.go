package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
)

// takeToken reads the token from standard input. Reading from a terminal does not end with the context, so it is left
// behind where the person gives up.
func (t *tool) takeToken(ctx context.Context, w *walk) error {
	type input struct {
		token string
		err   error
	}
	read := make(chan input, 1)
	go func() {
		token, err := t.readToken("")
		read <- input{token, err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case in := <-read:
		w.token = in.token
		if f, ok := errors.AsType[*failure](in.err); ok && f.code == exitUsage {
			return misused("test-access", "%s", f.text)
		}
		return in.err
	}
}

// takeCredential reads the secret or the certificate from its file.
func (s *signIn) takeCredential(a *accessTest) error {
	if a.secretFile != "" {
		text, err := readPrivate("--client-secret-file", a.secretFile)
		if err != nil {
			return err
		}
		s.secret = strings.TrimRight(string(text), "\r\n")
		if s.secret == "" {
			return misused("test-access", "--client-secret-file: the file is empty")
		}
	}
	if a.certificateFile != "" {
		text, err := readPrivate("--client-certificate-file", a.certificateFile)
		if err != nil {
			return err
		}
		s.pem = text
	}
	return nil
}

// maxPrivate is the largest file with a secret or a certificate and its key, in bytes.
const maxPrivate = 64 << 10

// readPrivate reads a file that only its owner and group may read, like the *_file keys of the configuration.
func readPrivate(flag, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, misused("test-access", "%s: the file cannot be opened: %s", flag, cause(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return nil, &failure{code: exitUsage, hint: "chmod o= " + path, text: flag + ": want a file that others cannot read"}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxPrivate+1))
	if err != nil {
		return nil, misused("test-access", "%s: the file cannot be read: %s", flag, cause(err))
	}
	if len(text) > maxPrivate {
		return nil, misused("test-access", "%s: the file is larger than 64 KiB", flag)
	}
	return text, nil
}
