package gateways

import (
	"fmt"
	"net"
	"strings"
)

// Site is what differs from one host to the next. What is empty stays as it is shipped.
type Site struct {
	Claimd  string   // where claimd answers: host:port, or unix:/path
	API     string   // host:port
	Front   string   // the gateway's own address, in the words of its file
	Lua     string   // where claimd.lua is
	Headers []Header // the identity headers that claimd sets, in the order of Shipped
	// Preflights has the gateway answer the preflight requests of browsers: the lines for them come into force.
	Preflights bool
}

// What the files are shipped with.
const (
	ShippedAPI    = "127.0.0.1:8081"
	ShippedSocket = "/run/claimd-gateway/server.sock" // that of claimd.socket
	shippedClaimd = "127.0.0.1:4180"
	shippedProxy  = "127.0.0.1:4181"
	shippedStream = "/run/claimd-gateway/proxy.sock"
	shippedLua    = "/etc/haproxy/claimd.lua"
)

// fronts are the lines with the gateways' own addresses, without these, and the addresses.
func fronts(file string) (before, shipped, after string) {
	switch file {
	case "nginx.conf":
		return "listen ", "80", ";"
	case "apache.conf":
		return "<VirtualHost ", "*:80", ">"
	case "Caddyfile":
		return "\n", "api.example.com", " {\n"
	case "haproxy.cfg":
		return "bind ", ":80", " "
	case "traefik.yaml":
		return "rule: (", "Host(`api.example.com`)", ") && "
	case "envoy.yaml":
		return "{socket_address: {", "address: 0.0.0.0, port_value: 80", "}}"
	}
	return "", "", ""
}

// Fill gives the file for the site. The error says what cannot be written in it.
func Fill(file string, site Site) (string, error) {
	text, err := Text(file)
	if err != nil {
		return "", err
	}
	if site.Headers != nil {
		if text, err = fillHeaders(text, site.Headers); err != nil {
			return "", err
		}
	}
	if site.Preflights {
		text = uncomment(text)
	}
	if text, err = fillClaimd(file, text, site.Claimd); err != nil {
		return "", err
	}
	if text, err = fillAddress(file, text, ShippedAPI, site.API); err != nil {
		return "", fmt.Errorf("the API: %w", err)
	}
	if before, sample, after := fronts(file); site.Front != "" && sample != "" {
		text = strings.Replace(text, before+sample+after, before+site.Front+after, 1)
	}
	if site.Lua != "" {
		text = strings.ReplaceAll(text, shippedLua, site.Lua)
	}
	return text, nil
}

// fillClaimd writes claimd's address. A line that asks over TCP stands above the one that asks over a unix socket, which
// is a comment that begins with "or: ".
func fillClaimd(file, text, address string) (string, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if address == "" || !isUnix {
		filled, err := fillAddress(file, text, shippedClaimd, address)
		if err == nil {
			filled, err = fillAddress(file, filled, shippedProxy, address)
		}
		return filled, err
	}
	if strings.Trim(path, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("want a path of letters, digits, / . _ and -, got %q", path)
	}
	var lines []string
	found := false
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " \t")
		instead, ok := cutAnyPrefix(body, "# or: ", "-- or: ")
		if ok {
			found = true
			above := lines[len(lines)-1]
			indent := above[:len(above)-len(strings.TrimLeft(above, " \t"))]
			instead = strings.NewReplacer(ShippedSocket, path, shippedStream, path).Replace(instead)
			lines[len(lines)-1] = indent + instead
			continue
		}
		lines = append(lines, line)
	}
	if !found && strings.Contains(text, shippedClaimd) {
		return "", fmt.Errorf("it cannot ask over a unix socket")
	}
	return strings.Join(lines, ""), nil
}

func cutAnyPrefix(text string, prefixes ...string) (string, bool) {
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest, true
		}
	}
	return text, false
}

// fillAddress writes host:port where the shipped one stands, in the words of the file.
func fillAddress(file, text, shipped, address string) (string, error) {
	if address == "" || address == shipped {
		return text, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Trim(port, "0123456789") != "" || port == "" ||
		strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-") != "" {
		return "", fmt.Errorf("want host:port, got %q", address)
	}
	if file != "envoy.yaml" {
		return strings.ReplaceAll(text, shipped, net.JoinHostPort(host, port)), nil
	}
	if strings.Contains(host, ":") {
		host = `"` + host + `"`
	}
	shippedHost, shippedPort, _ := strings.Cut(shipped, ":")
	words := "address: %s, port_value: %s"
	return strings.ReplaceAll(text, fmt.Sprintf(words, shippedHost, shippedPort), fmt.Sprintf(words, host, port)), nil
}

// uncomment brings the lines into force that are commented out: those with # before anything but a blank.
func uncomment(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " \t")
		if len(body) > 1 && body[0] == '#' && !strings.ContainsRune(" \n", rune(body[1])) {
			line = line[:len(line)-len(body)] + body[1:]
		}
		b.WriteString(line)
	}
	return b.String()
}
