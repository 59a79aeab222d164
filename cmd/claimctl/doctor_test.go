package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/entratest"
)

// TestDoctorScripts runs claimctl doctor against providers, proxies and gateways that are good, or bad in one way.
func TestDoctorScripts(t *testing.T) {
	// One tenant, and so one key, plays them all.
	tenant, err := entratest.New(entratest.Directory{
		TenantID: tenantID, APIs: []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2, Scopes: []string{"platform.read-write"}}},
	}, microsoft)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/doctor",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("LC_ALL", "C.UTF-8")
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Values[stageKey{}] = &stage{}
			env.Values[sickbedKey{}] = &sickbed{tenant: tenant.Handler()}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"provider": cmdProvider, "outbound": cmdOutbound, "gateway": cmdGateway, "claimd": cmdClaimd,
			"expand": cmdExpand, "exits": cmdExits, "told": cmdTold,
		},
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// sickbed is what one script set up for doctor to look at.
type sickbed struct {
	tenant http.Handler // names itself microsoft in its documents
	served string       // host:port where the provider really listens
}

const (
	tenantID  = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
	microsoft = "https://login.microsoftonline.com"
)

type sickbedKey struct{}

func sickbedOf(ts *testscript.TestScript) *sickbed { return ts.Value(sickbedKey{}).(*sickbed) }

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(ts *testscript.TestScript, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Contoso"}}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	certificate, err := x509.ParseCertificate(raw)
	ts.Check(err)
	return &authority{certificate, key}
}

func (a *authority) issue(ts *testscript.TestScript, name string, end time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: end, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	ts.Check(err)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// cmdProvider is `provider [FAULT]...`: a tenant over https at $AUTHORITY, with the root that signed for it in ca.pem.
// The faults: expired, othername, plain (no TLS at all), clock=SECONDS, down=STATUS, keyless, ownkeys, and microsoft:
// it plays Microsoft's own host, for who gets there through an outbound proxy; graph=HOST, instance=NAME are in its
// documents.
func cmdProvider(ts *testscript.TestScript, _ bool, faults []string) {
	bed := sickbedOf(ts)
	ill := func(name string) string {
		for _, fault := range faults {
			if key, value, _ := strings.Cut(fault, "="); key == name {
				return value + "!"
			}
		}
		return ""
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	bed.served = listener.Addr().String()
	name, base := "localhost", "https://localhost:"+port
	if ill("microsoft") != "" {
		name, base = strings.TrimPrefix(microsoft, "https://"), microsoft
	}
	roots := newAuthority(ts, "Contoso Inspection")
	end := time.Now().Add(time.Hour)
	if ill("expired") != "" {
		end = time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	}
	if ill("othername") != "" {
		name = "files.contoso.example"
	}
	server := httptest.NewUnstartedServer(illHandler(bed.tenant, base, ill))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	_ = server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{roots.issue(ts, name, end)}}
	if ill("plain") != "" {
		server.Start()
	} else {
		server.StartTLS()
	}
	ts.Defer(server.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: roots.certificate.Raw}), 0o644))
	ts.Setenv("AUTHORITY", base)
	ts.Setenv("SERVED", bed.served)
}

// illHandler serves the tenant at another address, with the faults.
func illHandler(tenant http.Handler, base string, ill func(string) string) http.Handler {
	seconds, _ := strconv.Atoi(strings.TrimSuffix(ill("clock"), "!"))
	down, _ := strconv.Atoi(strings.TrimSuffix(ill("down"), "!"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seconds != 0 {
			w.Header().Set("Date", time.Now().Add(time.Duration(seconds)*time.Second).UTC().Format(http.TimeFormat))
		}
		if down != 0 {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(down)
			return
		}
		if ill("ownkeys") != "" && r.URL.Query().Get("appid") != "" && strings.Contains(r.URL.Path, "keys") {
			_, _ = io.WriteString(w, `{"keys": [{"kty": "RSA", "kid": "of-the-mapping", "n": "", "e": ""}]}`)
			return
		}
		answer := httptest.NewRecorder()
		tenant.ServeHTTP(answer, r)
		body := bytes.ReplaceAll(answer.Body.Bytes(), []byte(microsoft), []byte(base))
		if answer.Code == http.StatusOK {
			body = illDocument(r.URL.Path, body, ill)
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body)
	})
}

func illDocument(path string, body []byte, ill func(string) string) []byte {
	if strings.HasSuffix(path, "keys") {
		if ill("keyless") != "" {
			return []byte(`{"keys": []}`)
		}
		return body
	}
	var document map[string]any
	if err := json.Unmarshal(body, &document); err != nil {
		panic(err)
	}
	if ill("microsoft") != "" {
		document["cloud_instance_name"], document["msgraph_host"] = "microsoftonline.com", "graph.microsoft.com"
		if !strings.Contains(path, "v2.0") {
			document["issuer"] = "https://sts.windows.net/" + tenantID + "/"
		}
	}
	for fault, member := range map[string]string{"graph": "msgraph_host", "instance": "cloud_instance_name"} {
		if value, ok := strings.CutSuffix(ill(fault), "!"); ok {
			document[member] = value
		}
	}
	body, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return body
}

// cmdOutbound is `outbound good|password|forbidden|dumb`: an outbound proxy at $PROXY, which leads to the provider
// whatever host it is asked for.
func cmdOutbound(ts *testscript.TestScript, _ bool, args []string) {
	bed, kind := sickbedOf(ts), args[0]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tunnel(conn, kind, bed.served)
		}
	}()
	ts.Defer(func() { _ = listener.Close(); <-done })
	ts.Setenv("PROXY", "http://"+listener.Addr().String())
}

// tunnel serves one connection to the proxy; copying ends with either side.
func tunnel(conn net.Conn, kind, served string) {
	reader := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // some connections are opened only to see whether they can be
	_, err := http.ReadRequest(reader)
	answers := map[string]string{"password": "407 Proxy Authentication Required", "forbidden": "403 Forbidden"}
	if err != nil || answers[kind] != "" || kind == "dumb" {
		if kind == "dumb" {
			_, _ = io.WriteString(conn, "220 mail.contoso.example\r\n")
		} else if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 "+answers[kind]+"\r\nContent-Length: 0\r\n\r\n")
		}
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	there, err := new(net.Dialer).DialContext(context.Background(), "tcp", served)
	if err != nil {
		_ = conn.Close()
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(there, reader); _ = there.Close() }()
	go func() { _, _ = io.Copy(conn, there); _ = conn.Close() }()
}

// cmdGateway is `gateway KIND`: a gateway at $API that asks the claimd at auth.sock, or one that is wrong in some way:
//
//	good       passes all headers on to claimd, and answers as it does
//	quiet      keeps X-Claimd-Decision and the body of a refusal to itself, as nginx does
//	stripping  removes identity headers in every spelling before it asks
//	selective  shows claimd no header but Authorization
//	open       asks nobody
//	trusting   asks nobody where the request brings Remote_User
//	own        sets an identity header of its own where it asks claimd
//	signin     leads to a sign-in page
//	broken     answers 502
//	absent     answers 404
func cmdGateway(ts *testscript.TestScript, _ bool, args []string) {
	kind, socket := args[0], ts.MkAbs("auth.sock")
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, ok := map[string]int{"open": 200, "signin": 302, "broken": 502, "absent": 404}[kind]; ok {
			w.Header().Set("Location", "https://login.contoso.example/")
			w.WriteHeader(status)
			return
		}
		if kind == "trusting" && r.Header["Remote_user"] != nil {
			return
		}
		check, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://claimd/auth", nil)
		if err != nil {
			panic(err)
		}
		if kind != "selective" {
			check.Header = forwarded(r.Header, kind == "stripping")
		}
		if kind == "own" {
			check.Header.Set("Remote-User", "ada")
		}
		answer, err := client.Do(check)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		if kind != "quiet" {
			w.Header().Set("X-Claimd-Decision", answer.Header.Get("X-Claimd-Decision"))
		}
		w.WriteHeader(answer.StatusCode)
		if kind != "quiet" {
			_, _ = io.Copy(w, answer.Body)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("API", server.URL)
}

// forwarded gives the headers that a gateway shows claimd.
func forwarded(header http.Header, strips bool) http.Header {
	passed := header.Clone()
	for name := range header {
		folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
		if strips && strings.HasPrefix(folded, "remote-") {
			delete(passed, name)
		}
	}
	return passed
}

// cmdClaimd is `claimd CONFIG [VERSION]`: a claimd of that version, or of claimctl's own, until the script's end.
func cmdClaimd(ts *testscript.TestScript, _ bool, args []string) {
	shown := daemon.Version("")
	if len(args) > 1 {
		shown = args[1]
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{ConfigPath: ts.MkAbs(args[0]), Version: shown, Log: zap.NewNop(), Ready: func() { close(ready) }})
	}()
	select {
	case <-ready:
	case err := <-done:
		stop()
		ts.Fatalf("claimd did not start: %v", err)
	}
	ts.Defer(func() { stop(); <-done })
	if slices.Contains(args, "unfetched") {
		return
	}
	exits(ts, "0", "claimctl", "keys", "refresh", "--config", args[0])
}

func exits(ts *testscript.TestScript, args ...string) { cmdExits(ts, false, args) }

// What differs from one run to the next in doctor's texts.
var doctorSettled = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`pid \d+`), "pid PID"},
	{regexp.MustCompile(`decision [a-z0-9-]+`), "decision ID"},
	{regexp.MustCompile(`here it is \d{4}-\d\d-\d\d`), "here it is TODAY"},
	{regexp.MustCompile(`generation \d+`), "generation N"},
	{regexp.MustCompile(`localhost is (127\.0\.0\.1|::1)( and (127\.0\.0\.1|::1))?`), "localhost is 127.0.0.1"},
	{regexp.MustCompile(`(as the provider's, to the second|1 s (behind|ahead of) the provider); clock_skew is 60 s`), "CLOCK"},
}

// cmdTold is `told`: the file "told" is what claimctl printed, but for what differs from run to run.
func cmdTold(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stdout")
	for _, name := range []string{"AUTHORITY", "PROXY", "API"} {
		if value := ts.Getenv(name); value != "" && !strings.Contains(value, "microsoft") {
			text = strings.ReplaceAll(text, value, name)
			_, host, _ := strings.Cut(value, "://")
			text = strings.ReplaceAll(text, host, name)
		}
	}
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "WORK")
	text = strings.ReplaceAll(text, daemon.Version(""), "VERSION")
	for _, s := range doctorSettled {
		text = s.pattern.ReplaceAllString(text, s.instead)
	}
	ts.Check(os.WriteFile(ts.MkAbs("told"), []byte(text), 0o644))
}

// doctor --help and claimctl-doctor(1) said that it sends no token and no secret. Where Microsoft Graph is asked it sends the
// client secret to the authority and claimd's own token to Graph (TestDoctorAsksGraphWithTheAppCredential).
func TestDoctorSaysWhatItSends(t *testing.T) {
	page, err := os.ReadFile("../../packaging/man/claimctl-doctor.1")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		doctorUsage: `Where groups_overage is "graph", the app credential goes to the authority and its token to Microsoft Graph; where opaque_tokens is "introspection", the introspection credential goes to the provider; else no token and no secret is sent.`,
		string(page): `Where .Ic groups_overage is .Dq graph , the app credential goes to the authority and the token got by it to Microsoft Graph, and where .Ic opaque_tokens is .Dq introspection , ` +
			`the introspection credential goes to the provider, as from .Xr claimd 8 ; else no token and no secret is sent.`,
	} {
		if text = strings.Join(strings.Fields(text), " "); !strings.Contains(text, want) {
			t.Errorf("want it to say: %s\ngot %s", want, text)
		}
	}
}
