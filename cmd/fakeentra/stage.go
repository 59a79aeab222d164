package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// The ports that are tried first; where one is taken, any free one does.
const (
	tenantPort = "4190"
	serverPort = "4180"
	proxyPort  = "8080"
	apiPort    = "8081"
)

// tokenLifetime is how long the demo's tokens last: a day at the desk, far from claimd's limit of 29 hours.
const tokenLifetime = 8 * time.Hour

//go:embed demo.toml
var configTemplate string

// stage is everything that stands around claimd: a private folder, the tenant, the API, tokens and the configuration.
type stage struct {
	folder        string // mode 0700
	tenant        *entratest.Tenant
	server, proxy string // host:port that claimd is to listen on
	servers       []*server
}

// newStage builds the stage. Nothing is left of it after an error.
func newStage() (_ *stage, err error) {
	folder, err := os.MkdirTemp("", "claimd.")
	if err != nil {
		return nil, err
	}
	s := &stage{folder: folder}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.startTenant(); err != nil {
		return nil, err
	}
	api, err := listenNear(apiPort)
	if err != nil {
		return nil, err
	}
	s.servers = append(s.servers, serveOn(api, sampleAPI()))
	if err := s.reservePorts(); err != nil {
		return nil, err
	}
	if err := s.writeConfig(api.Addr().String()); err != nil {
		return nil, err
	}
	return s, s.writeTokens()
}

func (s *stage) close() {
	for _, server := range s.servers {
		server.stop()
	}
	_ = os.RemoveAll(s.folder)
}

// config is the path of claimd's configuration.
func (s *stage) config() string { return filepath.Join(s.folder, "claimd.toml") }

// tokenFile is the path of the token of that name.
func (s *stage) tokenFile(name string) string { return filepath.Join(s.folder, name+".token") }

func (s *stage) startTenant() error {
	listener, err := listenNear(tenantPort)
	if err != nil {
		return err
	}
	directory := entratest.Sample()
	directory.APIs[0].LifetimeSeconds = int(tokenLifetime / time.Second)
	s.tenant, err = entratest.New(directory, "http://"+listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.servers = append(s.servers, serveOn(listener, s.tenant.Handler()))
	return nil
}

// reservePorts finds ports for claimd to listen on. They are free again when claimd starts, a moment later.
func (s *stage) reservePorts() error {
	server, err := listenNear(serverPort)
	if err != nil {
		return err
	}
	defer server.Close()
	proxy, err := listenNear(proxyPort)
	if err != nil {
		return err
	}
	defer proxy.Close()
	s.server, s.proxy = server.Addr().String(), proxy.Addr().String()
	return nil
}

// listenNear listens on that port of 127.0.0.1, or where it is taken on a free one.
func listenNear(port string) (net.Listener, error) {
	if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
		return listener, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// writeConfig writes claimd.toml, which nobody else may read or write.
func (s *stage) writeConfig(upstream string) error {
	file, err := os.OpenFile(s.config(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	directory := s.tenant.Directory()
	err = template.Must(template.New("demo.toml").Option("missingkey=error").Parse(configTemplate)).Execute(file, map[string]string{
		"Folder":         s.folder,
		"Authority":      s.tenant.URL(),
		"Tenant":         directory.TenantID,
		"API":            directory.APIs[0].ApplicationID,
		"PublicClient":   directory.Clients[0].ApplicationID,
		"ServiceClient":  directory.Clients[1].ApplicationID,
		"Service":        directory.Clients[1].ObjectID,
		"Analysts":       directory.Groups[0].ObjectID,
		"Administrators": directory.Groups[1].ObjectID,
		"Visitors":       directory.Groups[2].ObjectID,
		"Server":         s.server,
		"Proxy":          s.proxy,
		"Upstream":       upstream,
	})
	return errors.Join(err, file.Close())
}

// uncommentVisitors edits claimd.toml in place, as an editor would: the stranger's group is declared from then on.
func (s *stage) uncommentVisitors() error {
	text, err := os.ReadFile(s.config())
	if err != nil {
		return err
	}
	edited := strings.Replace(string(text), "\n# Visitors", "\nVisitors", 1)
	return os.WriteFile(s.config(), []byte(edited), 0o600)
}

// writeTokens writes each token to a file of its own, which nobody else may read.
func (s *stage) writeTokens() error {
	for _, user := range []string{"reader", "administrator", "stranger"} {
		if err := s.writeUserToken(user, entratest.Request{User: user}); err != nil {
			return err
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := s.writeUserToken("expired", entratest.Request{User: "reader", Issued: yesterday}); err != nil {
		return err
	}
	token, err := s.serviceToken()
	if err != nil {
		return fmt.Errorf("the tenant's token endpoint: %w", err)
	}
	return s.writeToken("service", token)
}

func (s *stage) writeUserToken(name string, request entratest.Request) error {
	token, err := s.tenant.Mint(request)
	if err != nil {
		return err
	}
	return s.writeToken(name, token)
}

func (s *stage) writeToken(name, token string) error {
	return os.WriteFile(s.tokenFile(name), []byte(token+"\n"), 0o600)
}

// serviceToken gets a token as an application does: with its secret, at the token endpoint.
func (s *stage) serviceToken() (string, error) {
	directory := s.tenant.Directory()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := running{authority: s.tenant.URL()}.ask(context.Background(), "POST", "/"+directory.TenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {directory.Clients[1].ApplicationID},
		"client_secret": {directory.Clients[1].Secret},
		"scope":         {"api://" + directory.APIs[0].ApplicationID + "/.default"},
	}, &answer)
	return answer.AccessToken, err
}
