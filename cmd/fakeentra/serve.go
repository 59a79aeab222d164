package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/entratest"
)

// defaultListen is where the tenant listens, and where mint and rotate look for it.
const defaultListen = "127.0.0.1:4190"

// warning is the first line of whatever serves the tenant.
const warning = "THIS IS A FAKE: an Entra ID tenant that signs whatever it is asked to. Never for production."

func serveCommand() *cobra.Command {
	var listen, file, caFile string
	command := &cobra.Command{
		Use:   "serve",
		Short: "serve the tenant until interrupted",
		Args:  cobra.NoArgs,
		RunE: work(func(command *cobra.Command) error {
			directory, err := readDirectory(file)
			if err != nil {
				return err
			}
			return serve(command.Context(), command.OutOrStdout(), listen, caFile, directory)
		}),
	}
	command.Flags().StringVar(&listen, "listen", defaultListen, "loopback `address` to listen on; port 0 takes a free one")
	command.Flags().StringVar(&file, "directory", "", "TOML `file` of users, groups, clients and APIs (default the built-in sample)")
	command.Flags().StringVar(&caFile, "ca-file", "", "serve https, and write the CA that clients are to trust to this PEM `file`")
	return command
}

func readDirectory(file string) (entratest.Directory, error) {
	if file == "" {
		return entratest.Sample(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return entratest.Directory{}, err
	}
	directory, err := entratest.ReadDirectory(data)
	if err != nil {
		return entratest.Directory{}, fmt.Errorf("%s: %w", file, err)
	}
	return directory, nil
}

// serve serves the tenant until ctx ends: over https where caFile is to hold its CA.
func serve(ctx context.Context, out io.Writer, listen, caFile string, directory entratest.Directory) error {
	listener, err := listenOnLoopback(listen)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	if caFile != "" {
		if listener, base, err = secure(listener, caFile); err != nil {
			return err
		}
	}
	tenant, err := entratest.New(directory, base)
	if err != nil {
		_ = listener.Close() // what went wrong is err
		return err
	}
	fmt.Fprintln(out, warning)
	fmt.Fprintf(out, "authority  %s\n", tenant.URL())
	if caFile != "" {
		fmt.Fprintf(out, "CA         %s\n", caFile)
	}
	fmt.Fprintf(out, "tenant     %s\n", directory.TenantID)
	for _, api := range directory.APIs {
		fmt.Fprintf(out, "API        %s  %s\n", api.ApplicationID, api.Name)
	}
	for _, client := range directory.Clients {
		fmt.Fprintf(out, "client     %s  %s\n", client.ApplicationID, client.Name)
	}
	for _, user := range directory.Users {
		fmt.Fprintf(out, "user       %s  %s\n", user.ObjectID, user.Name)
	}
	server := serveOn(listener, tenant.Handler())
	defer server.stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.ended:
		return err
	}
}

// secure puts https before the listener, which it closes where it fails, and gives the tenant's address. The CA is a new
// one each time.
func secure(listener net.Listener, caFile string) (net.Listener, string, error) {
	certificate, ca, err := entratest.NewCertificate()
	if err == nil {
		err = os.WriteFile(caFile, ca, 0o644)
	}
	if err != nil {
		_ = listener.Close() // what went wrong is err
		return nil, "", err
	}
	address := listener.Addr().String()
	if port, ok := strings.CutPrefix(address, "127.0.0.1:"); ok {
		address = "localhost:" + port // what Microsoft's clients take for a host
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}}), "https://" + address, nil
}

// listenOnLoopback listens on a literal loopback address alone: a name could mean another host tomorrow.
func listenOnLoopback(address string) (net.Listener, error) {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !parsed.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen on %q: want a loopback address and a port, such as %s\nhint: "+
			"whoever reaches the tenant can have any token, so it serves this host alone", address, defaultListen)
	}
	return net.Listen("tcp", address)
}

// server is an HTTP server that runs.
type server struct {
	http  *http.Server
	ended chan error // what Serve returned, once
}

func serveOn(listener net.Listener, handler http.Handler) *server {
	s := &server{
		http:  &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		ended: make(chan error, 1),
	}
	go func() { s.ended <- s.http.Serve(listener) }()
	return s
}

// stop closes the listener and every connection.
func (s *server) stop() { _ = s.http.Close() }
