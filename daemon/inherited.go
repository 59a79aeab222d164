package daemon

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/gateway"
)

// inherited are the listening sockets that the process was given at its start.
type inherited struct {
	// handed are those of socket units, by door. They stand for the door's listen.
	handed map[string][]*socket
	// stored are claimd's own, which the service manager kept over a restart.
	stored map[storedSocket]*socket
}

// storedSocket tells which listen a kept socket serves.
type storedSocket struct {
	door    string
	address string // as configured
}

const storedPrefix = "claimd."

// name is what the socket is stored under. A name holds no colon (sd_pid_notify_with_fds(3), FDNAME=).
func (s storedSocket) name() string {
	return storedPrefix + s.door + "." + base64.RawURLEncoding.EncodeToString([]byte(s.address))
}

func parseStored(name string) (storedSocket, bool) {
	door, encoded, ok := strings.Cut(strings.TrimPrefix(name, storedPrefix), ".")
	address, err := base64.RawURLEncoding.DecodeString(encoded)
	return storedSocket{door, string(address)}, ok && err == nil && strings.HasPrefix(name, storedPrefix)
}

// inherit takes the sockets over. An error names a socket that a unit hands over and that no door can use; a stored one
// that is of no use any more is closed and bound anew.
func inherit(files []*os.File) (*inherited, error) {
	i := &inherited{handed: map[string][]*socket{}, stored: map[storedSocket]*socket{}}
	for _, file := range files {
		err := i.take(file)
		_ = file.Close() // net.FileListener has a duplicate
		if err != nil {
			i.close()
			return nil, err
		}
	}
	return i, nil
}

func (i *inherited) take(file *os.File) error {
	listener, err := listenerOf(file)
	if kept, ok := parseStored(file.Name()); ok {
		if err == nil {
			i.keep(kept, listener)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("systemd hands over %q, which is no listening stream socket", file.Name())
	}
	if !slices.Contains(doorNames, file.Name()) {
		_ = listener.Close()
		return fmt.Errorf("systemd hands over a socket named %q, want one of %s\n  hint: set FileDescriptorName= in the [Socket] section",
			file.Name(), strings.Join(doorNames, ", "))
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the file is systemd's
	}
	i.handed[file.Name()] = append(i.handed[file.Name()], &socket{Listener: listener})
	return nil
}

// listenerOf gives the listener of a stream socket.
func listenerOf(file *os.File) (net.Listener, error) {
	listener, err := net.FileListener(file)
	if err == nil && listener.Addr().Network() != "tcp" && listener.Addr().Network() != "unix" {
		_ = listener.Close()
		return nil, errors.ErrUnsupported
	}
	return listener, err
}

// keep takes a stored socket, unless its file has gone meanwhile: then nobody could reach it.
func (i *inherited) keep(kept storedSocket, listener net.Listener) {
	s := &socket{Listener: listener}
	if unix, ok := listener.(*net.UnixListener); ok {
		file, err := gateway.AdoptUnix(unix, strings.TrimPrefix(kept.address, "unix:"))
		if err != nil {
			_ = listener.Close()
			return
		}
		s = &socket{Listener: file, file: file, now: permissions{mode: unknownMode}}
	}
	if double := i.stored[kept]; double != nil {
		_ = double.Close()
	}
	i.stored[kept] = s
}

// claim gives the stored socket of a listen, once.
func (i *inherited) claim(wanted storedSocket) (*socket, bool) {
	s, ok := i.stored[wanted]
	delete(i.stored, wanted)
	return s, ok
}

// release closes the stored sockets that nobody claimed, and gives their names.
func (i *inherited) release() (names []string) {
	for kept, s := range i.stored {
		_ = s.Close()
		names = append(names, kept.name())
	}
	clear(i.stored)
	return names
}

// close closes all that was inherited and is not in use.
func (i *inherited) close() {
	i.release()
	for _, sockets := range i.handed {
		for _, s := range sockets {
			_ = s.Close()
		}
	}
}
