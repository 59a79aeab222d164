package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
)

// directoryEnd is how long what was seen may take to be written at the end. With a door's drain before it, it is well
// within what systemd gives a service to stop (TimeoutStopSec of claimd.service).
const directoryEnd = 5 * time.Second

// openDirectory opens the directory of users. Without it nobody could say who is switched off: so where it cannot be used
// claimd does not start, but for a disabled configuration, which lets nobody in anyway. READY waits for SQLite, which
// reads a file of this host, and for no database.
func (d *daemon) openDirectory(ctx context.Context, cfg *config.Config) error {
	opened, err := d.open(ctx, cfg)
	if err == nil {
		d.directory = opened
		return nil
	}
	if cfg.Enabled {
		return err
	}
	problem, hint, _ := strings.Cut(err.Error(), "\n  hint: ")
	d.noDirectory = problem
	d.log.Warn("there is no directory of users; claimd runs without, as enabled = false lets nobody in",
		zap.String("error", problem), zap.String("hint", hint))
	return nil
}

func (d *daemon) open(ctx context.Context, cfg *config.Config) (*directory.Directory, error) {
	host, _ := os.Hostname() // only shown
	options := directory.Options{Directory: cfg.State.Directory, Log: d.log, Host: host, Version: d.options.Version}
	key := "state.directory"
	if cfg.Directory.URLFile != "" {
		key, options.URL = "directory.url_file", d.databaseURL
		d.database.Store(&cfg.Directory.URL)
	} else if err := stateDirectory(cfg.State.Directory); err != nil {
		return nil, &DirectoryError{fmt.Sprintf("%s: %v", key, err), err}
	}
	opened, err := directory.Open(ctx, options)
	if refusal, ok := errors.AsType[*directory.Refusal](err); ok {
		text := key + ": " + refusal.Problem
		if refusal.Hint != "" {
			text += "\n  hint: " + refusal.Hint
		}
		return nil, &DirectoryError{text, err}
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrPermission) {
		return nil, &DirectoryError{fmt.Sprintf("%s: %v\n  hint: chown %d %s", key, path, os.Geteuid(), path.Path), err}
	}
	if err != nil {
		return nil, &DirectoryError{fmt.Sprintf("%s: %v", key, err), err}
	}
	return opened, nil
}

// databaseURL is asked at each new connection to the database: a changed password counts from the next one on.
func (d *daemon) databaseURL() string { return *d.database.Load() }

// DirectoryError is why the directory of users cannot be used, in words for an administrator with the command that mends
// it. It wraps fs.ErrPermission, and other errors of the kernel, where one of them is the cause.
type DirectoryError struct {
	text  string
	cause error
}

func (e *DirectoryError) Error() string { return e.text }
func (e *DirectoryError) Unwrap() error { return e.cause }

// census tells how many users are known.
func (d *daemon) census() {
	if d.options.Users != nil && d.directory != nil {
		d.options.Users(d.directory.Status().Known)
	}
}

// directoryStatus tells how the directory is; without one, why.
func (d *daemon) directoryStatus() directory.Status {
	if d.directory == nil {
		return directory.Status{Problem: d.noDirectory}
	}
	return d.directory.Status()
}

// closeDirectory writes what waits and closes the directory.
func (d *daemon) closeDirectory() {
	if d.directory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), directoryEnd)
	defer cancel()
	if err := d.directory.Close(ctx); err != nil {
		d.log.Warn("the directory of users was not closed in order; what was seen last may not be in it", zap.Error(err))
	}
}

// sameDatabase reports whether two URLs differ by the password at most.
func sameDatabase(a, b string) bool { return withoutPassword(a) == withoutPassword(b) }

// withoutPassword gives the URL of a database as it can be shown.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be shown" // none that serves: directory.CheckURL refuses it
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
