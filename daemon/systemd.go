package daemon

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// Systemd is what the service manager gave the process, and the way to tell it things: sd_listen_fds(3), sd_notify(3),
// sd_watchdog_enabled(3). The zero value, and nil, is a process that no service manager started; telling it does
// nothing then.
type Systemd struct {
	sockets  []*os.File    // handed over; their names are those of FileDescriptorName= or of store
	watchdog time.Duration // how often a sign of life is expected at least; 0: none is
	journal  bool          // standard error is the journal
	notify   string        // NOTIFY_SOCKET
}

// FromSystemd takes what the environment says, and the sockets, which nobody else may take after it.
func FromSystemd() *Systemd {
	s := &Systemd{sockets: activation.Files(true), notify: os.Getenv("NOTIFY_SOCKET")}
	s.journal, _ = journal.StderrIsJournalStream()  // what cannot be read is no journal
	s.watchdog, _ = systemd.SdWatchdogEnabled(true) // what cannot be read is no watchdog
	_ = os.Unsetenv("NOTIFY_SOCKET")                // no child speaks for claimd
	return s
}

// handedOver gives the sockets, for the one who takes them.
func (s *Systemd) handedOver() []*os.File {
	if s == nil {
		return nil
	}
	return s.sockets
}

// expects gives how often a sign of life is expected at least; 0: none is.
func (s *Systemd) expects() time.Duration {
	if s == nil {
		return 0
	}
	return s.watchdog
}

// journalSender writes to the journal; nil: standard error is not the journal.
func (s *Systemd) journalSender() sendJournal {
	if s == nil || !s.journal {
		return nil
	}
	return journal.Send
}

// stores reports whether the service manager may be keeping sockets for the next start.
func (s *Systemd) stores() bool { return s != nil && s.notify != "" }

// What claimd says of itself; READY=1 too after RELOADING=1.
const (
	ready    = systemd.SdNotifyReady
	stopping = systemd.SdNotifyStopping
	alive    = systemd.SdNotifyWatchdog
)

// tell sends assignments such as READY=1. Nobody can do anything about a message that does not arrive.
func (s *Systemd) tell(assignments ...string) { s.send(nil, assignments) }

// tellReloading says that the configuration is being taken up. READY=1 has to follow, whatever the outcome.
func (s *Systemd) tellReloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	s.tell(systemd.SdNotifyReloading, "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// store gives a listening socket to the service manager to keep over a restart (FileDescriptorStoreMax=), under a name
// without a colon.
func (s *Systemd) store(name string, socket net.Listener) {
	raw, ok := socket.(syscall.Conn)
	if !ok {
		return
	}
	connection, err := raw.SyscallConn()
	if err != nil {
		return
	}
	_ = connection.Control(func(fd uintptr) {
		s.send(unix.UnixRights(int(fd)), []string{"FDSTORE=1", "FDNAME=" + name})
	})
}

// forget takes a socket back.
func (s *Systemd) forget(name string) { s.tell("FDSTOREREMOVE=1", "FDNAME="+name) }

// send waits a second at most: a service manager that does not listen must not hold up a reload.
func (s *Systemd) send(rights []byte, assignments []string) {
	if s == nil || s.notify == "" {
		return
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(socket) }()
	_ = unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 1})
	_ = unix.Sendmsg(socket, []byte(strings.Join(assignments, "\n")), rights, &unix.SockaddrUnix{Name: s.notify}, unix.MSG_NOSIGNAL)
}

// oneLine makes a text fit for STATUS=, which ends at the line's end.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
