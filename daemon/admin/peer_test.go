package admin

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/directory"
)

// Users that own nothing: nobody's usual number and the one before.
const (
	daemonUID = 65533
	otherUID  = 65534
)

// needRoot ends a test that plays several users, where the machine does not let it. On the build machine, which sets
// CI, that is a failure: there the test must run.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this test plays several users and must run as root")
	}
	t.Skip("this test plays several users: run it as root")
}

// playPart is what the test binary does as another user: "serve" until its standard input ends, "ask" once, or "change" a
// user once.
func playPart(part, path string) int {
	switch part {
	case "serve":
		l, err := Listen(path)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		b := Backend{Status: func() Status { return Status{PID: os.Getpid()} }, Denials: &access.Denials{}, Change: backendChange}
		fmt.Println("ready")
		go func() {
			os.Stdin.Read(make([]byte, 1))
			l.Close()
		}()
		NewServer(b, nil).Serve(l)
		return 0
	case "ask":
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := NewClient(path).Status(ctx); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("answered")
		return 0
	case "change":
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		changed, err := NewClient(path).Change(ctx, ChangeRequest{Action: directory.Deactivate, ID: "x"})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("changed by", changed.Name)
		return 0
	}
	return 2
}

// as makes the command that plays a part as the user.
func as(t *testing.T, uid uint32, part, path string) *exec.Cmd {
	t.Helper()
	// The test binary lies where other users cannot reach it, hence the way through /proc.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{"CLAIMD_ADMIN_TEST_PART=" + part, "CLAIMD_ADMIN_TEST_SOCKET=" + path, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	if int(uid) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

func ask(t *testing.T, uid uint32, path string) string {
	t.Helper()
	out, _ := as(t, uid, "ask", path).Output() // the part tells on standard output what kept it from an answer
	return strings.TrimSpace(string(out))
}

// FAULTS 173: of three users only root and the daemon's own get an answer. Juju's CVE-2024-8038 is the story: an abstract
// socket without a look at the peer let every local user in.
func TestRootAndTheDaemonsOwnUserAreServedAndNobodyElse(t *testing.T) {
	needRoot(t)
	directory := shortDirectory(t)
	mustDo(t, os.Chown(directory, daemonUID, daemonUID))
	path := filepath.Join(directory, "admin.sock")
	startAs(t, daemonUID, path)

	const served = "answered"
	if got := ask(t, 0, path); got != served {
		t.Errorf("root: want an answer, got %s", got)
	}
	if got := ask(t, daemonUID, path); got != served {
		t.Errorf("own user: want an answer, got %s", got)
	}
	want := "this user may not use the admin socket " + path + "\n  hint: run claimctl as root"
	if got := ask(t, otherUID, path); got != want {
		t.Errorf("other user, kept out by the mode\nwant %s\ngot  %s", want, got)
	}

	mustDo(t, os.Chmod(path, 0o666)) // now only the look at the peer is left
	want = fmt.Sprintf("the admin socket is for root and for uid %d\n  hint: run claimctl as root", daemonUID)
	if got := ask(t, otherUID, path); got != want {
		t.Errorf("other user, kept out by its uid\nwant %s\ngot  %s", want, got)
	}
}

// FAULTS 176: who changes a user is who the kernel says connected; a third user changes nobody.
func TestAChangeIsOfWhoAsksForIt(t *testing.T) {
	needRoot(t)
	directory := shortDirectory(t)
	mustDo(t, os.Chown(directory, daemonUID, daemonUID))
	path := filepath.Join(directory, "admin.sock")
	startAs(t, daemonUID, path)
	mustDo(t, os.Chmod(path, 0o666)) // only the look at the peer is left
	change := func(uid uint32) string {
		out, _ := as(t, uid, "change", path).Output() // the part tells on standard output what kept it from an answer
		return strings.TrimSpace(string(out))
	}
	for uid, want := range map[uint32]string{
		0:         "changed by uid 0 (root)",
		daemonUID: "changed by " + peer{uid: daemonUID}.name(),
		otherUID:  fmt.Sprintf("the admin socket is for root and for uid %d\n  hint: run claimctl as root", daemonUID),
	} {
		if got := change(uid); got != want {
			t.Errorf("uid %d\nwant %s\ngot  %s", uid, want, got)
		}
	}
}

func startAs(t *testing.T, uid uint32, path string) {
	t.Helper()
	cmd := as(t, uid, "serve", path)
	in, err := cmd.StdinPipe()
	mustDo(t, err)
	out, err := cmd.StdoutPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line := make([]byte, 256)
	n, _ := out.Read(line)
	if got := string(line[:n]); got != "ready\n" {
		t.Fatalf("the daemon's part: want ready, got %q", got)
	}
}

// Whoever reaches the socket as another user leaves a line in the log, one a second, and takes no administrator's place.
func TestStrangersAreLoggedAndTakeNoPlace(t *testing.T) {
	needRoot(t)
	log, lines := memoryLog()
	limits := standard
	limits.refused = 1
	path := serve(t, backend(disabledGate()), limits, log)
	mustDo(t, os.Chmod(path, 0o666))
	want := "the admin socket is for root and for uid 0\n  hint: run claimctl as root"
	for range 3 {
		if got := ask(t, otherUID, path); got != want {
			t.Errorf("want %s\ngot  %s", want, got)
		}
	}
	if got := lines.String(); strings.Count(got, `"msg":"admin socket: another user was turned away","uid":65534`) != 1 {
		t.Errorf("log: want one line about uid 65534, got\n%s", got)
	}
}

func TestAConnectionThatIsNoUnixSocketIsAStranger(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	if v := newDoor(nil, 1, 1).place(here); v == nil || v.standing != stranger {
		t.Errorf("want a stranger, got %+v", v)
	}
	if v := visitorOf(t.Context()); v.standing != stranger {
		t.Errorf("without a connection: want a stranger, got %+v", v)
	}
}
