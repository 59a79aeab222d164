package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/claimd/claimd/daemon/directory"
)

// reading is for what the daemon must ask its store for: a database may be far away, and a million users many.
const reading = time.Minute

// Users gives a page of users.
func (c *Client) Users(ctx context.Context, query directory.Query) (UserPage, error) {
	return call[UserPage](ctx, c, reading, http.MethodGet, "/v1/users?"+writeUserQuery(query), nil)
}

// User gives all that is known of one user. The error is a *Refusal of status 422 where it is not clear who is meant.
func (c *Client) User(ctx context.Context, provider, id string) (UserDetail, error) {
	query := url.Values{"provider": {provider}, "id": {id}}
	return call[UserDetail](ctx, c, reading, http.MethodGet, "/v1/users/one?"+query.Encode(), nil)
}

// Change has the daemon change a user's state, and waits until that is in force. The error is a *Refusal of status 422
// where it was not made; after any other one it is not known.
func (c *Client) Change(ctx context.Context, request ChangeRequest) (Changed, error) {
	return call[Changed](ctx, c, reading, http.MethodPost, "/v1/users/change", request)
}

// Locals gives the local groups, or roles, and who had them.
func (c *Client) Locals(ctx context.Context, kind directory.Kind) ([]Local, error) {
	return call[[]Local](ctx, c, reading, http.MethodGet, "/v1/groups?kind="+url.QueryEscape(string(kind)), nil)
}

// Unmatched gives at most limit claim values that named nothing local; 0: as many as the daemon gives.
func (c *Client) Unmatched(ctx context.Context, limit int) (Unmatched, error) {
	return call[Unmatched](ctx, c, reading, http.MethodGet, "/v1/unmatched?limit="+strconv.Itoa(limit), nil)
}

// Judged calls each for every user. A nil error means that these were all.
func (c *Client) Judged(ctx context.Context, each func(Judged) error) error {
	response, err := c.do(ctx, http.MethodGet, "/v1/users/claims", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := json.NewDecoder(response.Body)
	for {
		var line struct {
			Judged
			end
		}
		if err := lines.Decode(&line); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return errors.New("claimd closed the connection before it had told of all users: it was stopped or restarted")
		}
		switch {
		case line.Problem != "":
			return errors.New("claimd could not tell of all users: " + line.Problem)
		case line.Users != nil:
			return nil
		}
		if err := each(line.Judged); err != nil {
			return err
		}
	}
}
