package directory

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// guard is the lock that one daemon holds on the file, to its end. Beside its process it notes the last change that was
// made, so that a restart tells when an older file was put in place.
type guard struct {
	file  *os.File
	lock  sync.Mutex
	noted uint64
}

const guardForm = "pid %10d\nchange %20d\n"

// openGuard takes the lock; the error is a *Refusal where another holds it.
func openGuard(path string) (*guard, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	var pid int
	var noted uint64
	text := make([]byte, 64)
	n, _ := file.ReadAt(text, 0) // what cannot be read is not known
	known, _ := fmt.Sscanf(string(text[:n]), guardForm, &pid, &noted)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		_ = file.Close()
		holder := "another claimd"
		if known > 0 {
			holder = fmt.Sprintf("another claimd, process %d,", pid)
		}
		return nil, &Refusal{
			Problem: holder + " uses the directory that " + path + " locks",
			Hint:    "stop that one, or give this one a [state] directory of its own; several hosts share a PostgreSQL ([directory] url_file)",
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	g := &guard{file: file}
	g.note(noted)
	return g, nil
}

// note writes that the change of that number was made. Where that fails a restored file is not told later, which is all.
func (g *guard) note(sequence uint64) {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.noted = max(g.noted, sequence)
	_, _ = g.file.WriteAt(fmt.Appendf(nil, guardForm, os.Getpid(), g.noted), 0)
}

func (g *guard) close() error { return g.file.Close() }
