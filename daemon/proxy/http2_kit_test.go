package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/claimd/claimd/daemon/gateway"
)

// serveTLS gives the proxy with TLS and HTTP/2 and the limits of the real one. The client trusts it and speaks HTTP/2.
func serveTLS(t testing.TB, handler http.Handler) (address string, client *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = gateway.NewServer(handler)
	SpeakHTTP2(server.Config)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	server.StartTLS()
	t.Cleanup(func() {
		_ = server.Config.Close()
		server.Close()
	})
	return server.Listener.Addr().String(), server.Client()
}

// raw is an HTTP/2 connection on which a test writes frames as it likes.
type raw struct {
	t      *testing.T
	conn   *tls.Conn
	framer *http2.Framer
	stream uint32 // of the last request; before the first one -1
}

func dialRaw(t *testing.T, address string) *raw {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := &raw{t: t, conn: conn, stream: ^uint32(0), framer: http2.NewFramer(conn, conn)}
	r.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	r.must(r.framer.WriteSettings())
	return r
}

func (r *raw) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// block gives a header block of `name: value` lines; pseudo-headers begin with a colon.
func block(lines ...string) []byte {
	var out bytes.Buffer
	encoder := hpack.NewEncoder(&out)
	for _, line := range lines {
		i := strings.Index(line[1:], ":") + 1
		_ = encoder.WriteField(hpack.HeaderField{Name: line[:i], Value: strings.TrimPrefix(line[i+1:], " ")})
	}
	return out.Bytes()
}

// ask sends a request of these lines without a body and gives what comes: the status, or how the stream or the connection
// ended.
func (r *raw) ask(lines ...string) string {
	r.t.Helper()
	r.send(true, lines...)
	return r.answer()
}

func (r *raw) send(ends bool, lines ...string) {
	r.t.Helper()
	r.stream += 2
	r.must(r.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: r.stream, BlockFragment: block(lines...), EndStream: ends, EndHeaders: true,
	}))
}

func (r *raw) answer() string {
	for {
		frame, err := r.framer.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == r.stream {
				return frame.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == r.stream {
				return "reset " + frame.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return "go away " + frame.ErrCode.String()
			}
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				r.must(r.framer.WriteSettingsAck())
			}
		}
	}
}

// over2 asks over HTTP/2 and gives the response with its body read.
func over2(t *testing.T, client *http.Client, request *http.Request, token string) (*http.Response, string) {
	t.Helper()
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.ProtoMajor != 2 {
		t.Errorf("answered over %s, want HTTP/2.0", response.Proto)
	}
	return response, string(body)
}
