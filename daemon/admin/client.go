package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/keys"
)

// ErrNoDaemon is wrapped by the Client's errors where nothing answers on the socket.
var ErrNoDaemon = errors.New("no claimd answers")

const (
	quick = 10 * time.Second // for what the daemon knows already
	slow  = 5 * time.Minute  // for what may ask providers: reload, explain, refresh
	// maxAnswer bounds an answer, in bytes: 1,000 denials with all that tokens of 32 KiB can hold.
	maxAnswer = 64 << 20
)

// Refusal is the daemon's answer where it does not do what it is asked.
type Refusal struct {
	Status  int    // of HTTP; 422: the question makes no sense to this daemon, such as keys of an unknown provider
	Problem string // lower case, without a period
	Hint    string // "" = none
}

// Error gives the problem, and the hint on a line of its own.
func (r *Refusal) Error() string { return withHint(r.Problem, r.Hint) }

// Client speaks to a daemon. All methods may be called at once. Their errors are written for the administrator; they
// wrap ErrNoDaemon where nothing answers, and the context's error where that has ended.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a Client for the socket at path; it does not connect yet, and keeps no connection open after a call.
func NewClient(path string) *Client {
	dialer := &net.Dialer{Timeout: quick}
	return &Client{path: path, http: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", path)
			},
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Status asks for the daemon's status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, quick, http.MethodGet, "/v1/status", nil)
}

// Reload has the daemon reload and waits for the verdict. A verdict that refuses the files is no error.
func (c *Client) Reload(ctx context.Context) (ReloadResult, error) {
	return call[ReloadResult](ctx, c, slow, http.MethodPost, "/v1/reload", nil)
}

// Explain has the daemon explain the token, which has at most MaxToken bytes.
func (c *Client) Explain(ctx context.Context, token string) (access.Explanation, error) {
	return c.ExplainFor(ctx, token, "")
}

// ExplainFor is Explain for a request that access.ParseOriginal reads; "" = for none.
func (c *Client) ExplainFor(ctx context.Context, token, route string) (access.Explanation, error) {
	return call[access.Explanation](ctx, c, slow, http.MethodPost, "/v1/explain", explainRequest{Token: token, Route: route})
}

// Denials gives the kept refusals, oldest first; id "" = all.
func (c *Client) Denials(ctx context.Context, id string) ([]access.Denial, error) {
	path := "/v1/denials"
	if id != "" {
		path += "?id=" + url.QueryEscape(id)
	}
	return call[[]access.Denial](ctx, c, quick, http.MethodGet, path, nil)
}

// FollowDenials calls each for every further refusal until ctx ends (then the error is nil) or the connection does.
func (c *Client) FollowDenials(ctx context.Context, each func(access.Denial)) error {
	response, err := c.do(ctx, http.MethodGet, "/v1/denials/follow", nil)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer response.Body.Close()
	lines := json.NewDecoder(response.Body)
	for {
		var denial access.Denial
		err := lines.Decode(&denial)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return errors.New("claimd closed the connection: it was stopped or restarted, or cut off a reader that was too slow")
		}
		each(denial)
	}
}

// Keys asks for all providers' keys.
func (c *Client) Keys(ctx context.Context) ([]keys.Status, error) {
	return call[[]keys.Status](ctx, c, quick, http.MethodGet, "/v1/keys", nil)
}

// RefreshKeys has the daemon fetch keys now; provider "" = every one. The error is a *Refusal of status 422 where
// there is no such provider.
func (c *Client) RefreshKeys(ctx context.Context, provider string) ([]RefreshResult, error) {
	return call[[]RefreshResult](ctx, c, slow, http.MethodPost, "/v1/keys/refresh", refreshRequest{Provider: provider})
}

// call asks one question and reads its answer, all within limit.
func call[T any](ctx context.Context, c *Client, limit time.Duration, method, path string, body any) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSlow(limit))
	defer cancel()
	var answer T
	response, err := c.do(ctx, method, path, body)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return answer, c.explainError(ctx, err)
	}
	return answer, nil
}

// do sends the request. A nil error means status 200; the caller closes the body.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://claimd"+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.explainError(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, c.readRefusal(response)
	}
	return response, nil
}

func (c *Client) readRefusal(response *http.Response) error {
	var said problem
	err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&said)
	if err != nil || said.Problem == "" {
		return fmt.Errorf("what answers on %s is not claimd: it says %s", c.path, response.Status)
	}
	return &Refusal{Status: response.StatusCode, Problem: said.Problem, Hint: said.Hint}
}

// explainError puts what went wrong on the way into words that say what to do.
func (c *Client) explainError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return noDaemon{path: c.path}
	case errors.Is(err, fs.ErrPermission):
		return errors.New(withHint("this user may not use the admin socket "+c.path, "run claimctl as root"))
	case errors.Is(err, syscall.EAGAIN):
		return errors.New(withHint("claimd does not take calls on "+c.path, "systemctl status claimd"))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New(withHint("claimd closed the connection on "+c.path+" without an answer", "systemctl status claimd"))
	}
	return fmt.Errorf("no sensible answer on %s: %w", c.path, cause(err))
}

// noDaemon is ErrNoDaemon with the place and the next step.
type noDaemon struct{ path string }

func (e noDaemon) Error() string {
	return withHint(ErrNoDaemon.Error()+" on "+e.path,
		"systemctl status claimd; if it runs, it listens on another socket: --socket PATH")
}

func (e noDaemon) Unwrap() error { return ErrNoDaemon }

func errSlow(limit time.Duration) error {
	return fmt.Errorf("claimd did not answer within %v: %w", limit, context.DeadlineExceeded)
}

func withHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + "\n  hint: " + hint
}
