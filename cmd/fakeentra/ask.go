package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func mintCommand() *cobra.Command {
	var tenant running
	fields := make(map[string]*string)
	command := &cobra.Command{
		Use:   "mint",
		Short: "print a token of a running tenant",
		Long:  "print a token of a running tenant: for a user, or without --user for the client itself",
		Args:  cobra.NoArgs,
		RunE: work(func(command *cobra.Command) error {
			form := make(url.Values)
			for name, value := range fields {
				if *value != "" {
					form.Set(name, *value)
				}
			}
			token, err := tenant.mint(command.Context(), form)
			if err != nil {
				return err
			}
			fmt.Fprintln(command.OutOrStdout(), token)
			return nil
		}),
	}
	flags := command.Flags()
	fields["user"] = flags.String("user", "", "the user's `name` in the directory")
	fields["client"] = flags.String("client", "", "application `id` of the client (default the directory's first)")
	fields["api"] = flags.String("api", "", "application `id` of the API, or api://ID (default the directory's first)")
	fields["scope"] = flags.String("scope", "", "the `words` of scp (default all of the API's)")
	fields["version"] = flags.String("token-version", "", "`1 or 2` (default as the API's registration says)")
	fields["lifetime"] = flags.String("lifetime", "", "`duration` such as 8h (default as the API's registration says)")
	fields["issued_ago"] = flags.String("issued-ago", "", "`duration` since it was issued: 9h makes an expired one")
	tenant.addFlags(command)
	return command
}

func rotateCommand() *cobra.Command {
	var tenant running
	command := &cobra.Command{
		Use:   "rotate",
		Short: "let a running tenant sign with a new key, and print its id",
		Args:  cobra.NoArgs,
		RunE: work(func(command *cobra.Command) error {
			var answer struct {
				KeyID string `json:"kid"`
			}
			if err := tenant.ask(command.Context(), "POST", "/fakeentra/rotate", nil, &answer); err != nil {
				return err
			}
			fmt.Fprintln(command.OutOrStdout(), answer.KeyID)
			return nil
		}),
	}
	tenant.addFlags(command)
	return command
}

// running is a tenant that runs, and how it is reached.
type running struct {
	authority string // no final slash
	caFile    string // PEM; "" = the system's roots
}

func (t *running) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&t.authority, "authority", "http://"+defaultListen, "`address` of the running tenant")
	flags.StringVar(&t.caFile, "ca-file", "", "PEM `file` of the CA of a tenant over https")
}

// mint asks the tenant for a token.
func (t running) mint(ctx context.Context, form url.Values) (string, error) {
	var about struct {
		TenantID string `json:"tenant_id"`
	}
	if err := t.ask(ctx, "GET", "/fakeentra/", nil, &about); err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := t.ask(ctx, "POST", "/"+about.TenantID+"/fakeentra/mint", form, &answer)
	return answer.AccessToken, err
}

// client trusts the CA of caFile alone, where there is one.
func (t running) client() (*http.Client, error) {
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy: this stays on the host
	if t.caFile != "" {
		text, err := os.ReadFile(t.caFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: want a certificate as PEM", t.caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: transport}, nil
}

// ask sends the form to a path of the tenant and reads the JSON that comes back.
func (t running) ask(ctx context.Context, method, path string, form url.Values, into any) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, t.authority+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w\nhint: is a tenant running? start one with: fakeentra serve", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	var refusal struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if response.StatusCode != http.StatusOK {
		_ = json.Unmarshal(body, &refusal) // where it is no JSON the status must do
		return fmt.Errorf("the tenant answers %s: %s", response.Status, strings.TrimSpace(refusal.Error+" "+refusal.Description))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the tenant answers no JSON: %w", err)
	}
	return nil
}
