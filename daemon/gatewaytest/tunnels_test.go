package gatewaytest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/claimd/claimd/etc/gateways"
)

// TestNoTunnelLeadsPastClaimd: who is let in once opened a tunnel to the API, with CONNECT or with an Upgrade to HTTP/2, and
// sent requests through it that claimd never saw, as whom he liked. Without routes claimd lets every method pass, so it is
// the gateway's file that keeps CONNECT out.
func TestNoTunnelLeadsPastClaimd(t *testing.T) {
	for _, name := range []string{"nginx", "apache", "caddy", "haproxy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, api, token := openStage(t, name, false)
			gateway, _ := gateways.Find(name)
			s.front = s.open(gateway, gateways.Site{Claimd: s.asked(gateway), API: api.address})
			var all sync.WaitGroup
			for story, texts := range tunnels("Authorization: Bearer " + token + "\r\n") {
				all.Go(func() { t.Logf("%s: %.300q", story, utter(s.front.address, texts...)) })
			}
			all.Wait()
			for _, one := range api.forged() {
				t.Errorf("the API got %s", one)
			}
			if len(api.reached()) == 0 {
				t.Error("the API got nothing: a request without a tunnel is let in")
			}
		})
	}
}

// tunnels are the texts that a client sends one after the other, by what they are.
func tunnels(bearer string) map[string][]string {
	length := fmt.Sprint(len(inner))
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	upgrading := "GET /a HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade, HTTP2-Settings\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" + bearer
	return map[string][]string{
		"no tunnel":                        {"GET /a HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n" + bearer + "\r\n"},
		"CONNECT to an address":            {"CONNECT api.example:80 HTTP/1.1\r\nHost: api.example:80\r\n" + bearer + "\r\n", inner},
		"CONNECT to a path":                {"CONNECT /a HTTP/1.1\r\nHost: api.example\r\n" + bearer + "\r\n", inner},
		"CONNECT with chunks":              {"CONNECT /a HTTP/1.1\r\nHost: api.example\r\n" + bearer + chunked},
		"CONNECT with a length":            {"CONNECT /a HTTP/1.1\r\nHost: api.example\r\n" + bearer + "Content-Length: " + length + "\r\n\r\n" + inner},
		"two Upgrade fields, HTTP/2 first": {upgrading + "Upgrade: h2c\r\nUpgrade: websocket\r\n\r\n", inner},
		"two Upgrade fields, HTTP/2 last":  {upgrading + "Upgrade: websocket\r\nUpgrade: h2c\r\n\r\n", inner},
		"one Upgrade field with both":      {upgrading + "Upgrade: h2c, websocket\r\n\r\n", inner},
		"one field, WebSocket first":       {upgrading + "Upgrade: websocket, h2c\r\n\r\n", inner},
	}
}
