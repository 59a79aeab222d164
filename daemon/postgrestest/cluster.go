package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Nobody is whom the server runs as where the tests run as root.
const Nobody = 65534

func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: Nobody, Gid: Nobody}
	}
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "TZ=UTC"}
	return cmd
}

// newFolder makes a folder that the server may write to. Its path is short, as that of a unix socket must be.
func newFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "claimd-pg-")
	if err == nil && os.Getuid() == 0 {
		err = os.Chown(folder, Nobody, Nobody)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

const superPassword = "the one of the superuser"

// cluster is a fresh cluster in the folder: initdb once a test binary, copies of that for further servers.
var cluster struct {
	once   sync.Once
	folder string
	err    error
}

func initCluster(t testing.TB, programs string) string {
	t.Helper()
	cluster.once.Do(func() {
		cluster.folder = newFolder(t)
		file := filepath.Join(cluster.folder, "password")
		if cluster.err = os.WriteFile(file, []byte(superPassword), 0o644); cluster.err != nil {
			return
		}
		cmd := asNobody(exec.CommandContext(context.Background(), filepath.Join(programs, "initdb"), "-D", filepath.Join(cluster.folder, "data"), "-A", "scram-sha-256",
			"-U", "postgres", "--pwfile="+file, "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C"))
		if text, err := cmd.CombinedOutput(); err != nil {
			cluster.err = fmt.Errorf("initdb: %w\n%s", err, text)
			return
		}
		cluster.err = sweepAtEnd(cluster.folder)
	})
	if cluster.err != nil {
		t.Fatal(cluster.err)
	}
	return filepath.Join(cluster.folder, "data")
}

// sweepAtEnd removes the folder when this process is gone, however it ends.
func sweepAtEnd(folder string) error {
	return whenGone(asNobody(exec.CommandContext(context.Background(), "/bin/sh", "-c", `read -r _; rm -rf "$1"`, "sh", folder)))
}

// whenGone starts the command with a pipe as its standard input that ends with this process.
func whenGone(cmd *exec.Cmd) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = read
	if err := cmd.Start(); err != nil {
		return err
	}
	kept.Lock()
	defer kept.Unlock()
	kept.ends = append(kept.ends, write)
	return read.Close()
}

// kept holds the pipes open: a file that nobody holds is closed by the garbage collector.
var kept struct {
	sync.Mutex
	ends []*os.File
}
