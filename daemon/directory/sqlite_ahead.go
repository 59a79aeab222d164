package directory

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// readAhead asks the kernel for the file from its begin to its end, until stop is called. The users lie strewn over all of
// it: after a boot, reading it in one go is many times faster than page by page.
func (s *sqliteStore) readAhead() (stop func()) {
	var stopped atomic.Bool
	var reading sync.WaitGroup
	reading.Go(func() {
		file, err := os.Open(s.path)
		if err != nil {
			return // whoever needs the file says so
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return
		}
		const some = 2 << 20 // as much as the kernel takes in one go
		for at := int64(0); at < info.Size() && !stopped.Load(); at += some {
			if unix.Fadvise(int(file.Fd()), at, some, unix.FADV_WILLNEED) != nil {
				return
			}
		}
	})
	return func() {
		stopped.Store(true)
		reading.Wait()
	}
}
