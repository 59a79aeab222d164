package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/etc/gateways"
)

const snippetUsage = `claimctl snippet prints the configuration of a gateway that asks claimd, with the addresses and the
identity headers of this host's claimd filled in.

Usage: claimctl snippet GATEWAY [FILE] [--claimd ADDRESS] [--api ADDRESS] [--preflights]
                        [--user NAME] [--config FILE] [--json]

GATEWAY is nginx, angie, apache, caddy, traefik, haproxy or envoy. HAProxy has two files: FILE is
haproxy.cfg, which is printed otherwise, or claimd.lua, which that one loads. What is to be said
beside the file goes to standard error. claimd need not run, and is not asked.

  --claimd ADDRESS  where claimd answers, as host:port or unix:/path (default: a unix socket, else
                    the first address of listen under [server]; for apache under [proxy])
  --api ADDRESS     host:port of the API (default: upstream under [proxy], else ` + gateways.ShippedAPI + `)
  --preflights      have the gateway answer the preflight requests of browsers (CORS)
  --user NAME       judge the files' owners and permissions as if this user ran claimd
  --config FILE     the main configuration file (default ` + config.DefaultPath + `)
  --json            print all files of the gateway as JSON

Exit status: 0 printed, 1 the gateway cannot be told how to ask this claimd, 2 wrong usage, 3 could
not find out.
`

// snippet is what is to be printed for one gateway, as snippet --json prints it.
type snippet struct {
	Gateway string            `json:"gateway"`
	Files   map[string]string `json:"files"`
	Notes   []string          `json:"notes"`
}

func (t *tool) snippetCommand() *cobra.Command {
	var site gateways.Site
	cmd := &cobra.Command{
		Use: "snippet", Short: "the configuration of a gateway that asks claimd", Long: snippetUsage,
		Args: takes(2, "a gateway and a file at most"),
		RunE: func(_ *cobra.Command, args []string) error {
			gateway, file, err := wantedGateway(args)
			if err != nil {
				return err
			}
			made, err := t.makeSnippet(gateway, site)
			if err != nil {
				return err
			}
			return t.printSnippet(made, file)
		},
	}
	t.userFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&site.Claimd, "claimd", "", "where claimd answers")
	flags.StringVar(&site.API, "api", "", "where the API answers")
	flags.BoolVar(&site.Preflights, "preflights", false, "have the gateway answer preflight requests")
	return cmd
}

// wantedGateway reads the arguments.
func wantedGateway(args []string) (gateway gateways.Gateway, file string, err error) {
	const known = "nginx, angie, apache, caddy, traefik, haproxy or envoy"
	if len(args) == 0 {
		return gateway, "", misused("snippet", "want a gateway: %s", known)
	}
	gateway, ok := gateways.Find(args[0])
	if !ok {
		return gateway, "", misused("snippet", "want %s, got %.40q", known, args[0])
	}
	file = gateway.Files[0]
	if len(args) == 2 {
		file = args[1]
	}
	if !slices.Contains(gateway.Files, file) {
		return gateway, "", misused("snippet", "want %s of %s, got %.40q", strings.Join(gateway.Files, " or "), gateway.Name, file)
	}
	return gateway, file, nil
}

func (t *tool) makeSnippet(gateway gateways.Gateway, site gateways.Site) (snippet, error) {
	options, err := t.reading()
	if err != nil {
		return snippet{}, err
	}
	loaded, err := daemon.Load(t.configPath, options)
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return snippet{}, &failure{code: exitUnknown, text: "the configuration has faults, so nothing can be filled in from it\n" +
			strings.TrimSuffix(faultsText(onlyFaults(t.mended(faults))), "\n"), hint: "the files as they are shipped stand in /usr/share/doc/claimd/examples/gateways"}
	}
	if err != nil {
		return snippet{}, err
	}
	cfg := loaded.Config
	if site.Claimd == "" {
		site.Claimd, err = askedAddress(gateway, cfg)
		if err != nil {
			return snippet{}, err
		}
	}
	made := snippet{Gateway: gateway.Name, Files: map[string]string{}, Notes: t.socketNotes(gateway, site.Claimd)}
	if site.API == "" && !gateway.Proxied {
		site.API = apiAddress(cfg.Proxy.Upstream)
		if site.API == "" {
			made.Notes = append(made.Notes, gateways.ShippedAPI+" stands for your API; --api names another address")
		}
	}
	site.Headers = identityHeaders(cfg.Server.Headers)
	for _, file := range gateway.Files {
		if made.Files[file], err = gateways.Fill(file, site); err != nil {
			return snippet{}, &failure{code: exitNo, text: gateway.Name + " cannot be told how to ask this claimd: " + err.Error()}
		}
	}
	made.Notes = append(made.Notes, routeNotes(gateway, site.Claimd, cfg)...)
	if gateway.Name == "apache" {
		made.Notes = append(made.Notes, "it has to be the first virtual host of its port, as /etc/apache2/sites-available/000-claimd.conf is, or Apache refuses long tokens")
	}
	for _, other := range gateway.Files[1:] {
		made.Notes = append(made.Notes, fmt.Sprintf("it loads %s: claimctl snippet %s %s", other, gateway.Name, other))
	}
	return made, nil
}

// askedAddress gives the address of claimd that suits the gateway best.
func askedAddress(gateway gateways.Gateway, cfg *config.Config) (string, error) {
	door, listen := "[server]", cfg.Server.Listen
	if gateway.Proxied {
		door, listen = "[proxy]", cfg.Proxy.Listen
	}
	first := ""
	for _, address := range listen {
		if strings.HasPrefix(address, "unix:") {
			if gateway.Unix {
				return address, nil
			}
			continue
		}
		first = cmp.Or(first, reachable(address))
	}
	if first == "" {
		return "", &failure{code: exitNo, text: fmt.Sprintf("%s can ask claimd at none of the addresses under %s listen", gateway.Name, door),
			hint: "name one there, or where a socket unit listens: --claimd ADDRESS"}
	}
	return first, nil
}

// socketNotes warns of an address that claimd does not listen on while claimd.socket is in use: [server] listen is not read
// then, and whoever is on this host may listen there and let everybody in.
func (t *tool) socketNotes(gateway gateways.Gateway, address string) []string {
	info, err := os.Stat(t.gatewaySocket)
	if gateway.Proxied || strings.HasPrefix(address, "unix:") || err != nil || info.Mode()&fs.ModeSocket == 0 {
		return []string{}
	}
	if !gateway.Unix {
		return []string{fmt.Sprintf("claimd.socket is in use, so claimd listens at %s only if that unit names it: a drop-in with ListenStream=%s", address, address)}
	}
	return []string{fmt.Sprintf("claimd.socket is in use, so claimd listens at %s only if that unit names it: --claimd unix:%s", address, t.gatewaySocket)}
}

// reachable gives the address that a program of this host asks; "" where that is not known. Of localhost, claimd binds the
// IPv4 address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return ""
	}
	if ip, err := netip.ParseAddr(host); host == "" || host == "localhost" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// apiAddress gives host:port of [proxy] upstream; "" where that is another form of address.
func apiAddress(upstream string) string {
	address, ok := strings.CutPrefix(upstream, "http://")
	if _, _, err := net.SplitHostPort(address); !ok || err != nil {
		return ""
	}
	return address
}

// identityHeaders gives those that claimd sets.
func identityHeaders(h config.Headers) []gateways.Header {
	all := []gateways.Header{
		{Key: "user", Name: h.User}, {Key: "email", Name: h.Email}, {Key: "name", Name: h.Name}, {Key: "groups", Name: h.Groups},
		{Key: "roles", Name: h.Roles}, {Key: "admin", Name: h.Admin}, {Key: "provider", Name: h.Provider},
		{Key: "client", Name: h.Client}, {Key: "scopes", Name: h.Scopes},
	}
	set := []gateways.Header{}
	for _, header := range all {
		if header.Name != "" {
			set = append(set, header)
		}
	}
	return set
}

// routeNotes tells what keeps the [[route]] of the configuration from working with the gateway.
func routeNotes(gateway gateways.Gateway, address string, cfg *config.Config) []string {
	if len(cfg.Routes) == 0 || gateway.Family == "" {
		return nil
	}
	var notes []string
	if is := string(cfg.Server.OriginalRequest); is != gateway.Family {
		notes = append(notes, fmt.Sprintf("%s needs original_request = %q under [server] for [[route]], which is %q", gateway.Name, gateway.Family, is))
	}
	trusted := cfg.Server.TrustedProxies
	if strings.HasPrefix(address, "unix:") {
		if !trusted.Unix {
			notes = append(notes, `[[route]] needs "unix" in trusted_proxies under [server], or every request is refused`)
		}
		return notes
	}
	asked, err := netip.ParseAddrPort(reachable(address))
	if err == nil && asked.Addr().IsLoopback() && !trusted.Contains(asked.Addr()) {
		notes = append(notes, fmt.Sprintf("[[route]] needs %q in trusted_proxies under [server], or every request is refused",
			netip.PrefixFrom(asked.Addr(), asked.Addr().BitLen()).String()))
	}
	return notes
}

func (t *tool) printSnippet(made snippet, file string) error {
	if t.json {
		return t.printJSON(made, false)
	}
	for _, note := range made.Notes {
		fmt.Fprintln(t.stderr, "claimctl: note: "+safeLines(note))
	}
	return t.print(made.Files[file])
}
