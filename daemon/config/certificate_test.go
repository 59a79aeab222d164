package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// issued is a certificate with its key.
type issued struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// issue makes a certificate for the key, signed by the other one; nil: by itself.
func issue(t *testing.T, name string, key crypto.Signer, by *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return &issued{certificate, key}
}

func (i *issued) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw}))
}

func (i *issued) secret(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func curve(t *testing.T, on elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(on, rand.Reader)
	must(t, err)
	return key
}

// A pair of which a client would make nothing is refused before it serves; no words show a part of the key.
func TestACertificateAndItsKeyAreJudgedAsAPair(t *testing.T) {
	root := issue(t, "root", curve(t, elliptic.P256()), nil, nil)
	between := issue(t, "between", curve(t, elliptic.P384()), root, nil)
	leaf := issue(t, "api", curve(t, elliptic.P256()), between, nil)
	other := issue(t, "other", curve(t, elliptic.P256()), nil, nil)
	weak := issue(t, "weak", curve(t, elliptic.P224()), nil, nil)
	forClients := issue(t, "client", curve(t, elliptic.P256()), nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	modern := issue(t, "modern", edwards, nil, nil)
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	classic := issue(t, "classic", old, nil, nil)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	small := issue(t, "small", short, nil, nil)
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(old)}))
	ecKey, ok := leaf.key.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("want an ECDSA key")
	}
	der, err := x509.MarshalECPrivateKey(ecKey)
	must(t, err)
	sec1 := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))

	const chain, key = "claimd.toml:2: proxy.tls_certificate: ", "claimd.toml:3: proxy.tls_key_file: "
	const inOrder = "  hint: the server's own certificate stands first, then who has signed it, and so on"
	for name, c := range map[string]struct{ chain, key, want string }{
		"a chain":                    {leaf.pem() + between.pem() + root.pem(), leaf.secret(t), ""},
		"without its root":           {"a comment\n" + leaf.pem() + between.pem(), leaf.secret(t), ""},
		"a key as openssl ecparam":   {leaf.pem(), sec1, ""},
		"RSA":                        {classic.pem(), classic.secret(t), ""},
		"RSA in PKCS #1":             {classic.pem(), pkcs1, ""},
		"Ed25519":                    {modern.pem(), modern.secret(t), ""},
		"another key":                {leaf.pem(), other.secret(t), key + "want the key of tls_certificate, got that of another one\n  hint: when both were renewed, only one of the two files may have been written yet\n"},
		"a chain from its end":       {root.pem() + between.pem() + leaf.pem(), leaf.secret(t), key + "want the key of the first certificate in tls_certificate, got that of number 3\n" + inOrder + "\n"},
		"a gap":                      {leaf.pem() + root.pem(), leaf.secret(t), chain + "certificate 2 has not signed the one before it\n" + inOrder + "; leave out what is no part of that\n"},
		"P-224":                      {weak.pem(), weak.secret(t), chain + "certificate 1 has an ECDSA key on P-224, want RSA of 2048 bits, ECDSA P-256 or Ed25519, or more\n"},
		"RSA of 1024 bits":           {small.pem(), small.secret(t), chain + "certificate 1 has an RSA key of 1024 bits, want RSA of 2048 bits, ECDSA P-256 or Ed25519, or more\n"},
		"of a client":                {forClients.pem(), forClients.secret(t), chain + "want a certificate for a server (extended key usage serverAuth), got one for another use\n"},
		"the two in one file":        {leaf.secret(t) + leaf.pem(), leaf.secret(t), chain + "want certificates alone, got a private key too\n  hint: certificates may be read by everybody: keep the key in a file of its own, named by tls_key_file\n"},
		"the two in each other's":    {leaf.secret(t), leaf.pem(), chain + "want certificates alone, got a private key too\n  hint: certificates may be read by everybody: keep the key in a file of its own, named by tls_key_file\n" + key + "want a private key in PEM form, got none\n"},
		"nothing":                    {"", "", chain + "want at least one certificate in PEM form, got none\n" + key + "want a private key in PEM form, got none\n"},
		"DER":                        {string(leaf.certificate.Raw), leaf.secret(t), chain + "want at least one certificate in PEM form, got none\n"},
		"a certificate cut short":    {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.certificate.Raw[:40]})), leaf.secret(t), chain + "certificate 1 cannot be read: malformed certificate\n"},
		"too many":                   {strings.Repeat(leaf.pem(), 17), leaf.secret(t), chain + "want at most 16 certificates, got more\n"},
		"a key that cannot be read":  {leaf.pem(), "-----BEGIN PRIVATE KEY-----\nc2VzYW1l\n-----END PRIVATE KEY-----\n", key + "want a private key of RSA, ECDSA or Ed25519, got one that cannot be read\n"},
		"an encrypted key":           {leaf.pem(), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VzYW1l\n-----END ENCRYPTED PRIVATE KEY-----\n", key + "want a private key without a passphrase, got an encrypted one\n  hint: nobody is there to type it at a start: openssl pkey -in FILE -out NEW, with a mode as this file's\n"},
		"an encrypted key of before": {leaf.pem(), "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nc2VzYW1l\n-----END RSA PRIVATE KEY-----\n", key + "want a private key without a passphrase, got an encrypted one\n  hint: nobody is there to type it at a start: openssl pkey -in FILE -out NEW, with a mode as this file's\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := treeOf("[proxy]\ntls_certificate = \"/chain\"\ntls_key_file = \"/key\"\nlisten = [\":443\"]\nupstream = \"unix:/api\"\n")
			tree.Extra = []File{newNamedFile("/chain", []byte(c.chain), false), newNamedFile("/key", []byte(c.key), true)}
			config, faults := tree.Parse()
			if got := told(faults); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if got := config.Proxy.Certificate; (got == nil) != (c.want != "") {
				t.Errorf("got the pair %t", got != nil)
			}
		})
	}
}

// The files are read and hashed with the tree: other ones are another configuration. Of the key no hash is shown.
func TestACertificateIsReadWithTheFiles(t *testing.T) {
	one := issue(t, "api", curve(t, elliptic.P256()), nil, nil)
	dir := folder(t, map[string]string{"chain.pem": one.pem(), "key.pem": one.secret(t), "conf.d/1.toml": "# none\n"})
	write(t, dir+"/claimd.toml", "[proxy]\nlisten = [\":443\"]\nupstream = \"unix:/api\"\ntls_certificate = \""+dir+"/chain.pem\"\ntls_key_file = \""+dir+"/key.pem\"\n")
	chmod(t, dir+"/chain.pem", 0o644)
	chmod(t, dir+"/key.pem", 0o600)
	tree, names, faults := read(dir, nil)
	config, found := tree.Parse()
	if names != "claimd.toml conf.d/1.toml chain.pem key.pem" || faults != "" || len(found) > 0 || config.Proxy.Certificate == nil {
		t.Fatalf("got %q, %s and %v", names, faults, found)
	}
	if sum := tree.Extra[1].SHA256; sum != "" {
		t.Errorf("the key's hash is shown: %s", sum)
	}
	before, seen := tree.Hash(), tree.Fingerprint()
	write(t, dir+"/key.pem", one.secret(t)+"\n")
	tree, _, _ = read(dir, nil)
	if tree.Hash() != before || tree.Fingerprint() == seen {
		t.Error("want another key to change the fingerprint, and no hash that is shown")
	}
	write(t, dir+"/chain.pem", one.pem()+"\n")
	if tree, _, _ = read(dir, nil); tree.Hash() == before {
		t.Error("another chain has the same hash")
	}
	chmod(t, dir+"/key.pem", 0o644)
	if _, _, faults = read(dir, nil); !strings.Contains(faults, "want it readable by no others, got mode 0644") {
		t.Errorf("a key for everybody: %s", faults)
	}
}
