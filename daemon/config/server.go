package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/claimd/claimd/mapping"
)

func server(top *table) Server {
	t := top.sub("server")
	anywhere := t.choice("plaintext", "loopback", "anywhere") == "anywhere"
	s := Server{
		Listen:            t.texts("listen", []string{"127.0.0.1:4180"}, listenAddress(anywhere)),
		SocketMode:        socketMode(t),
		SocketGroup:       t.optional("socket_group", groupName),
		PlaintextAnywhere: anywhere,
	}
	s.TrustedProxies = trustedProxies(t)
	s.OriginalRequest = OriginalRequest(t.choice("original_request", string(OriginalNone), string(OriginalXOriginal), string(OriginalXForwarded)))
	s.Headers = headers(t)
	return s
}

// socketMode reads the permission bits of unix sockets, which TOML would take for decimal without quotes.
func socketMode(t *table) uint32 {
	const standard = 0o660
	mode := uint32(standard)
	t.text("socket_mode", "0660", func(text string) flaw {
		parsed, err := strconv.ParseUint(text, 8, 32)
		if err != nil || parsed > 0o777 {
			return flawf(`want permissions in octal such as "0660", got %s`, show(text))
		}
		mode = uint32(parsed)
		return flaw{}
	})
	return mode
}

func groupName(name string) flaw {
	if strings.ContainsAny(name, " \t:,/") {
		return flawf("want the name of a group of this host, got %s", show(name))
	}
	return flaw{}
}

// metrics reads [metrics]. Its door has no TLS: where plaintext may be bound is a setting of [server] that holds here too.
func metrics(top *table) Metrics {
	t := top.sub("metrics")
	return Metrics{Listen: t.texts("listen", nil, listenAddress(plaintextAnywhere(top)))}
}

func plaintextAnywhere(top *table) bool {
	plaintext, _ := find(top.node, mapping.Path{"server", "plaintext"})
	return plaintext.value == "anywhere"
}

// doors finds an address that is to be bound twice, and says where there is none at all.
func (c *checker) doors(config *Config) {
	if config.Enabled && c.whole && len(config.Server.Listen)+len(config.Proxy.Listen) == 0 {
		c.notice(mapping.Path{"server", "listen"}, "name an address here or under [proxy]", "is empty, as that of [proxy] is: nobody can ask claimd")
	}
	first := map[string]mapping.Path{}
	doors := []struct {
		name   string
		listen []string
	}{{"server", config.Server.Listen}, {"proxy", config.Proxy.Listen}, {"metrics", config.Metrics.Listen}, {"admin", []string{"unix:" + config.Admin.Socket}}}
	for _, door := range doors {
		for i, address := range door.listen {
			path := mapping.Path{door.name, "listen", i}
			if door.name == "admin" {
				path = mapping.Path{"admin", "socket"}
			}
			if other, ok := first[address]; ok && !strings.HasSuffix(address, ":0") {
				c.fault(path, "", "is the same address as %s", KeyPath(other))
				continue
			}
			first[address] = slices.Clone(path)
		}
	}
}
