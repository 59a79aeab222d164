package directory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/postgrestest"
)

// For another host than this one the certificate must be of that very host, and of an authority that is known.
func TestTheCertificateOfTheServerMustBeItsOwn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	right, wrong := newCertificate(t, folder, "right", "127.0.0.1"), newCertificate(t, folder, "wrong", "192.0.2.1")
	server := newPostgres(t)
	for _, test := range []struct{ name, shown, roots, want string }{
		{"its own", right, right, ""},
		{"of another host", wrong, wrong, "shows a certificate of another host than 127.0.0.1"},
		{"of an unknown authority", right, wrong, "shows a certificate that is signed by an unknown authority"},
		{"not in the system's roots", right, "system", "shows a certificate that is signed by an unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.show(t, test.shown)
			database := server.database(t)
			s := openPostgresAt(t, database.url()+"?sslmode=verify-full&sslrootcert="+test.roots)
			if test.want != "" {
				wantRefusal(t, s, test.want)
				return
			}
			mustAct(t, s, "ada", Deactivate)
			if n := database.number(`select count(*) from pg_stat_ssl natural join pg_stat_activity where ssl and datname = current_database()`); n != 1 {
				t.Errorf("%d connections are encrypted", n)
			}
		})
	}
}

// newCertificate makes a self-signed certificate for the address; the key stands beside it.
func newCertificate(t *testing.T, folder, name, address string) (path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	path = filepath.Join(folder, name+".pem")
	err = errors.Join(err,
		os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// show makes the server speak TLS with the certificate, from the next connection on.
func (s *postgresServer) show(t *testing.T, path string) {
	t.Helper()
	for from, to := range map[string]string{path: "server.crt", path + ".key": "server.key"} {
		text, err := os.ReadFile(from)
		to = filepath.Join(s.folder, "data", to)
		err = errors.Join(err, os.WriteFile(to, text, 0o600), os.Chmod(to, 0o600))
		if err == nil && os.Getuid() == 0 {
			err = os.Chown(to, postgrestest.Nobody, postgrestest.Nobody)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.super(t, "postgres", "alter system set ssl = on", "select pg_reload_conf()")
	shown, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(shown)
	eventually(t, "the certificate", func() bool { return s.shows(block.Bytes) })
}

// shows reports that a new connection gets this certificate.
func (s *postgresServer) shows(der []byte) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return false
	}
	defer conn.Close()
	answer := make([]byte, 1)
	if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}); err != nil { // SSLRequest
		return false
	}
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'S' {
		return false
	}
	secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // it is looked at
	return secured.Handshake() == nil && bytes.Equal(secured.ConnectionState().PeerCertificates[0].Raw, der)
}
