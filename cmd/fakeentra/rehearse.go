package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// editWithin is how long claimd may take to follow an edit.
const editWithin = 10 * time.Second

// rehearse makes every request of the screen, edits the configuration, and waits until the stranger is let in. An answer
// other than the screen promises is an error.
func rehearse(ctx context.Context, s screen) error {
	s.head()
	for _, call := range calls() {
		status, body, err := s.call(ctx, call)
		if err != nil {
			return err
		}
		s.tell(call, status, body)
		if status != call.status || !strings.Contains(body, call.reason) {
			return fmt.Errorf("%s: want %d %s, got %d", call.who, call.status, call.reason, status)
		}
	}
	return rehearseEdit(ctx, s)
}

// rehearseEdit declares the stranger's group and calls until the answer changes.
func rehearseEdit(ctx context.Context, s screen) error {
	stranger := call{name: "stranger", status: http.StatusOK}
	if err := s.stage.uncommentVisitors(); err != nil {
		return err
	}
	saved := time.Now()
	s.say("Now %s is saved with the group Visitors declared.\n", s.stage.config())
	for {
		status, body, err := s.call(ctx, stranger)
		if err != nil {
			return err
		}
		if status == stranger.status {
			s.say("After %d ms:", time.Since(saved).Milliseconds())
			s.tell(stranger, status, body)
			return nil
		}
		if time.Since(saved) > editWithin {
			return fmt.Errorf("the stranger still got %d %v after the edit", status, editWithin)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// call does what the call's command line does.
func (s screen) call(ctx context.Context, call call) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token, err := os.ReadFile(s.stage.tokenFile(call.name))
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.stage.proxy+"/", nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, strings.TrimSpace(string(text)), err
}

// tell prints one request and its answer.
func (s screen) tell(call call, status int, body string) {
	s.say("$ %s", s.curl(call))
	s.say("%d %s\n", status, body)
}
