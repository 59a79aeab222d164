package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/cmd/claimctl/doctor"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

const doctorUsage = `claimctl doctor asks, before there is any token, whether all is in place.

Usage: claimctl doctor [--api-url URL] [--config FILE] [--socket PATH] [--json]
       claimctl doctor --manifest FILE [--provider NAME] [--config FILE] [--json]

It looks at the files, at the claimd of this host and the addresses that it listens on, and from
this host at each provider: outbound proxy, DNS, connection, TLS (and who signs), clock, documents,
keys. Each answer is yes, NO or could not tell, with what to do below it. Where groups_overage is
"graph", the app credential goes to the authority and its token to Microsoft Graph; where
opaque_tokens is "introspection", the introspection credential goes to the provider; else no token
and no secret is sent. It changes nothing, and gives up on a question after 10 seconds.

  --api-url URL    the API as its callers call it: does the gateway there ask claimd, and does a
                   caller get through with identity headers of his own? They are sent in six
                   spellings without a token; redirects are not followed
  --manifest FILE  an app registration's manifest as the portal gives it (App registrations, NAME,
                   Manifest, Download): what in it does not fit the configuration, and the lines to
                   set. The form of Microsoft Graph and the older one of Azure AD Graph; - is
                   standard input. Nothing else is asked then
  --provider NAME  the provider that the manifest is for (default: the one whose application_id it
                   has)
  --config FILE    the main configuration file (default ` + config.DefaultPath + `)
  --socket PATH    claimd's admin socket
  --json           print the answers as JSON

Exit status: 0 every answer is yes, 1 some are no, 2 wrong usage, 3 something could not be told and
nothing is no.
`

// doctorFlags are what doctor was asked.
type doctorFlags struct{ apiURL, manifest, provider string }

func (t *tool) doctorCommand() *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use: "doctor", Short: "whether all is in place", Long: doctorUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := flags.check()
			if err != nil {
				return err
			}
			if flags.manifest != "" {
				return t.doctorManifest(flags.manifest, flags.provider)
			}
			return t.doctor(cmd.Context(), api)
		},
	}
	cmd.Flags().StringVar(&flags.apiURL, "api-url", "", "the API as its callers call it")
	cmd.Flags().StringVar(&flags.manifest, "manifest", "", "an app registration's manifest")
	cmd.Flags().StringVar(&flags.provider, "provider", "", "the provider that the manifest is for")
	return cmd
}

// check judges the flags together, and gives the address of the API; nil = it is not asked.
func (f doctorFlags) check() (*url.URL, error) {
	switch {
	case f.manifest != "" && f.apiURL != "":
		return nil, misused("doctor", "want --manifest or --api-url, got both")
	case f.manifest == "" && f.provider != "":
		return nil, misused("doctor", "--provider goes with --manifest")
	case f.apiURL == "":
		return nil, nil
	}
	api, err := url.Parse(f.apiURL)
	if err != nil || api.Scheme != "https" && api.Scheme != "http" || api.Hostname() == "" || api.Fragment != "" {
		return nil, misused("doctor", "--api-url: want http:// or https:// and a host")
	}
	if api.User != nil {
		return nil, misused("doctor", "--api-url: want an address without a user and a password")
	}
	return api, nil
}

func (t *tool) doctor(ctx context.Context, api *url.URL) error {
	loaded, faults, err := t.loaded()
	if err != nil {
		return err
	}
	findings := doctor.Examine(ctx, doctor.Options{
		Path: t.configPath, Loaded: loaded, Faults: faults, Socket: t.socket(), Version: daemon.Version(version), API: api,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.tell(findings, nil)
}

// loaded reads the configuration for who goes on without it: nil where the faults refuse it. The error is one that is
// no fault of the files.
func (t *tool) loaded() (*daemon.Loaded, config.Faults, error) {
	options, err := t.reading()
	if err != nil {
		return nil, nil, err
	}
	loaded, err := daemon.Load(t.configPath, options)
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return nil, t.mended(faults), nil
	}
	if err != nil {
		return nil, nil, err
	}
	return loaded, loaded.Notices, nil
}
