package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
)

// serviceUID is whom claimd runs as here; no file is his but those that a test gives him.
const serviceUID = 4321

// FAULTS 171: a host that lacks what claimd needs, or does not let it have that. Each ends with the exit code that says
// which of the two it is, and with the words that tell what to do; none is restarted over and over by the unit.
func TestAHostThatIsNotReady(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test runs claimd as another user and must be run as root")
		}
		t.Skip("this test runs claimd as another user: run it as root")
	}
	tests := map[string]struct {
		spoil    func(dir string) error // DIR has etc/claimd.toml, and run and var, which are the service's
		readOnly bool                   // all of DIR
		code     int
		stderr   string
	}{
		"no file in /etc": {
			func(dir string) error { return os.Remove(dir + "/etc/claimd.toml") }, false, 78,
			"DIR/etc/claimd.toml: cannot be read: no such file or directory\n  hint: name the file with --config FILE\n",
		},
		"no /etc/claimd at all": {
			func(dir string) error { return os.RemoveAll(dir + "/etc") }, false, 78,
			"DIR/etc/claimd.toml: cannot be read: no such file or directory\n  hint: name the file with --config FILE\n",
		},
		"a file for root alone": {
			func(dir string) error { return os.Chmod(dir+"/etc/claimd.toml", 0o600) }, false, 77,
			"DIR/etc/claimd.toml: cannot be read: permission denied\n" +
				"  hint: uid 4321 must be able to read it: chgrp 4321 DIR/etc/claimd.toml && chmod 0640 DIR/etc/claimd.toml\n",
		},
		"a directory for root alone": {
			func(dir string) error { return os.Chmod(dir+"/etc", 0o700) }, false, 77,
			"DIR/etc/claimd.toml: cannot be read: permission denied\n" +
				"  hint: uid 4321 must be able to read it: chgrp 4321 DIR/etc && chmod g+x DIR/etc\n" +
				"DIR/etc/conf.d: cannot be read: permission denied\n" +
				"  hint: uid 4321 must be able to read it: chgrp 4321 DIR/etc && chmod g+x DIR/etc\n",
		},
		"no directory in /run": {
			func(dir string) error { return os.Remove(dir + "/run") }, false, 77,
			"claimd: admin.socket: the directory DIR/run cannot be made: permission denied\n" +
				"  hint: make it for claimd's user, or set socket under [admin]\n",
		},
		"a directory in /run that is not the service's": {
			func(dir string) error { return os.Chown(dir+"/run", 0, 0) }, false, 77,
			"claimd: admin.socket: cannot listen on DIR/run/admin.sock: permission denied\n",
		},
		"a file system that is read-only": {
			func(string) error { return nil }, true, 77,
			"claimd: admin.socket: cannot listen on DIR/run/admin.sock: read-only file system\n",
		},
		"no directory in /var": { // disabled it serves: nobody's state is needed, and a restart without network changes nothing
			func(dir string) error { return os.Remove(dir + "/var") }, false, 0,
			"warn  no keys are kept on disk: a restart without network will not be ready error=\"mkdir DIR/var: permission denied\" " +
				"hint=\"make it for claimd's user, or set directory under [state]\"",
		},
		"a directory in /var that may not be written": {
			func(dir string) error { return os.Chown(dir+"/var", 0, 0) }, false, 0,
			"warn  no keys are kept on disk: a restart without network will not be ready error=\"write to DIR/var: permission denied\" " +
				"hint=\"chown 4321 DIR/var\"",
		},
		"enabled, and no directory in /var": {
			func(dir string) error { return errors.Join(enable(dir, ""), os.Remove(dir+"/var")) }, false, 77,
			"claimd: state.directory: mkdir DIR/var: permission denied\n  hint: make it for claimd's user, or set directory under [state]\n",
		},
		"enabled, and a directory in /var that may not be written": {
			func(dir string) error { return errors.Join(enable(dir, ""), os.Chown(dir+"/var", 0, 0)) }, false, 77,
			"claimd: state.directory: write to DIR/var: permission denied\n  hint: chown 4321 DIR/var\n",
		},
		"enabled, and a directory in /var that all may write": {
			func(dir string) error { return errors.Join(enable(dir, ""), os.Chmod(dir+"/var", 0o777)) }, false, 78,
			"claimd: state.directory: DIR/var: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/var\n",
		},
		"enabled, and a directory of users that is none": {
			func(dir string) error {
				return errors.Join(enable(dir, ""), os.WriteFile(dir+"/var/directory.db", []byte(strings.Repeat("none ", 100)), 0o600), os.Chown(dir+"/var/directory.db", serviceUID, serviceUID))
			}, false, 78,
			"claimd: state.directory: DIR/var/directory.db: the file is damaged: it does not begin as a database of SQLite does\n" +
				"  hint: there is no backup beside it; to begin with an empty directory, in which nobody is inactive: " +
				"rm DIR/var/directory.db* && systemctl restart claimd\n",
		},
		"enabled, and a directory of users of root's": {
			func(dir string) error {
				return errors.Join(enable(dir, ""), os.WriteFile(dir+"/var/directory.db", []byte("x"), 0o600))
			}, false, 77,
			"claimd: state.directory: open DIR/var/directory.db: permission denied\n  hint: chown 4321 DIR/var/directory.db\n",
		},
		"enabled, with a database, and no directory in /var": { // it serves, and answers 503 until the database is there
			func(dir string) error {
				return errors.Join(os.WriteFile(dir+"/etc/url", []byte("postgres://claimd@127.0.0.1:1/claimd\n"), 0o600),
					os.Chown(dir+"/etc/url", serviceUID, serviceUID), enable(dir, "[directory]\nurl_file = \""+dir+"/etc/url\"\n"), os.Remove(dir+"/var"))
			}, false, 0,
			"warn  no keys are kept on disk: a restart without network will not be ready error=\"mkdir DIR/var: permission denied\"",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newHost(t)
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			code, stderr := runOn(t, dir, test.readOnly, test.code == 0)
			got, want := strings.ReplaceAll(stderr, dir, "DIR"), test.stderr
			if code != test.code || got != want && (code != 0 || !strings.Contains(got, want)) {
				t.Errorf("code %d and\n%swant %d and\n%s", code, got, test.code, want)
			}
		})
	}
}

// enable switches the configuration on, with a provider that nothing answers for.
func enable(dir, more string) error {
	path := dir + "/etc/claimd.toml"
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head := "enabled = true\n[provider.contoso]\ntenant_id = \"6b1f0c58-93d7-4e2a-8f64-0a5be7c219d3\"\n" +
		"application_id = \"3d84f6b1-0e97-4c5a-b2d8-96a17fe05c43\"\nclient_application_ids = []\nrequired_scopes = [\"read\"]\n" +
		"authority = \"http://127.0.0.1:1\"\n[groups]\nAnalysts = \"\"\n"
	return os.WriteFile(path, []byte(head+more+string(text)), 0o644)
}

// newHost makes a tree that is ready.
func newHost(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	err = os.Chmod(dir, 0o755)
	for _, name := range []string{"etc", "run", "var"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	text := "[server]\nlisten = []\n[admin]\nsocket = \"" + dir + "/run/admin.sock\"\n[state]\ndirectory = \"" + dir + "/var\"\n[log]\nformat = \"text\"\n"
	err = errors.Join(err, os.WriteFile(dir+"/etc/claimd.toml", []byte(text), 0o644),
		os.Chown(dir+"/run", serviceUID, serviceUID), os.Chown(dir+"/var", serviceUID, serviceUID))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runOn runs claimd on the host, until it ends; one that is to serve is stopped in order once it does.
func runOn(t *testing.T, dir string, readOnly, serves bool) (code int, stderr string) {
	t.Helper()
	var output bytes.Buffer
	// The test binary lies where other users cannot reach it, hence the way through /proc; by this name it plays claimd.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Args = []string{"claimd", "--config", dir + "/etc/claimd.toml"}
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.Stderr = &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: serviceUID, Gid: serviceUID}}
	if readOnly {
		mountReadOnly(t, dir)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if serves {
		stopOnceServing(t, cmd, dir+"/run/admin.sock")
	}
	err := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode(), output.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, output.String()
}

func mountReadOnly(t *testing.T, dir string) {
	t.Helper()
	err := syscall.Mount(dir, dir, "", syscall.MS_BIND, "")
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skip("root may not mount here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

func stopOnceServing(t *testing.T, cmd *exec.Cmd, socket string) {
	t.Helper()
	limit := time.Now().Add(10 * time.Second)
	for {
		_, err := admin.NewClient(socket).Status(context.Background())
		if err == nil || time.Now().After(limit) { // then the exit code is not the one of an orderly stop
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}
