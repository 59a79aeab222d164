package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func mintCommand() *cobra.Command {
	var authority string
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
			token, err := mint(command.Context(), authority, form)
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
	flags.StringVar(&authority, "authority", "http://"+defaultListen, "`address` of the running tenant")
	return command
}

func rotateCommand() *cobra.Command {
	var authority string
	command := &cobra.Command{
		Use:   "rotate",
		Short: "let a running tenant sign with a new key, and print its id",
		Args:  cobra.NoArgs,
		RunE: work(func(command *cobra.Command) error {
			var answer struct {
				KeyID string `json:"kid"`
			}
			if err := ask(command.Context(), "POST", authority+"/fakeentra/rotate", nil, &answer); err != nil {
				return err
			}
			fmt.Fprintln(command.OutOrStdout(), answer.KeyID)
			return nil
		}),
	}
	command.Flags().StringVar(&authority, "authority", "http://"+defaultListen, "`address` of the running tenant")
	return command
}

// mint asks the tenant at authority for a token.
func mint(ctx context.Context, authority string, form url.Values) (string, error) {
	var about struct {
		TenantID string `json:"tenant_id"`
	}
	if err := ask(ctx, "GET", authority+"/fakeentra/", nil, &about); err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := ask(ctx, "POST", authority+"/"+about.TenantID+"/fakeentra/mint", form, &answer)
	return answer.AccessToken, err
}

// ask sends the form and reads the JSON that comes back.
func ask(ctx context.Context, method, address string, form url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy: this stays on the host
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
