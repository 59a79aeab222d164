package daemon

import (
	"log"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
)

// doorLines are what net/http itself says of a door. It lets one line a second into the log: strangers who come and go
// while all descriptors are taken have net/http say so some 60 times a second.
type doorLines struct {
	log      *zap.Logger
	throttle access.Throttle
}

func newDoorLog(to *zap.Logger) *log.Logger { return log.New(&doorLines{log: to}, "", 0) }

// Write implements io.Writer for one line.
func (d *doorLines) Write(line []byte) (int, error) {
	if strings.HasPrefix(string(line), "http: TLS handshake error") { // whoever looks whether a port is open makes one
		d.log.Debug(strings.TrimSuffix(string(line), "\n"))
		return len(line), nil
	}
	if suppressed, due := d.throttle.Due(time.Now()); due {
		d.log.Warn(strings.TrimSuffix(string(line), "\n"), suppressed)
	}
	return len(line), nil
}
