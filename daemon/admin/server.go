package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
)

// limits bound what a connection can take from the daemon.
type limits struct {
	header      time.Duration // to send a request's header
	body        time.Duration // to send its body
	write       time.Duration // to take an answer, or one line of a stream
	idle        time.Duration // between two requests
	change      time.Duration // until a change of a user is in force
	headerBytes int
	admins      int // connections of administrators at once
	refused     int // connections at once that are only told no
}

// standard are the limits of every Server but some in tests.
var standard = limits{
	header: 5 * time.Second, body: 5 * time.Second, write: 5 * time.Second, idle: 10 * time.Second, change: 30 * time.Second,
	headerBytes: 16 << 10, admins: 32, refused: 8, // a query can name a group, which may be long
}

// Server serves a Backend. No client can hold up another one, or a request that the daemon judges: each connection has
// its own goroutine and limits, and at most 40 of them are open.
type Server struct {
	backend   Backend
	log       *zap.Logger
	limits    limits
	routes    *http.ServeMux
	http      *http.Server
	strangers access.Throttle
}

// NewServer makes a Server; log may be nil.
func NewServer(backend Backend, log *zap.Logger) *Server { return newServer(backend, log, standard) }

func newServer(backend Backend, log *zap.Logger, limits limits) *Server {
	if log == nil {
		log = zap.NewNop()
	}
	s := &Server{backend: backend, log: log, limits: limits}
	s.routes = s.makeRoutes()
	errorLog, _ := zap.NewStdLogAt(log, zap.WarnLevel) // fails for levels that do not exist only
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.admit),
		ConnContext:       withVisitor,
		ReadHeaderTimeout: limits.header,
		IdleTimeout:       limits.idle,
		MaxHeaderBytes:    limits.headerBytes,
		ErrorLog:          errorLog,
	}
	return s
}

// Serve answers on the listener until Close; the error is nil after Close.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(newDoor(l, s.limits.admins, s.limits.refused))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close closes the listener and ends all connections; the contexts of requests under way end.
func (s *Server) Close() error { return s.http.Close() }

// admit lets administrators in and tells all others why not.
//
// The body's deadline is set before anything else, for net/http reads what a handler leaves unread. The server has no
// ReadTimeout: that one would go on during the answer, and end a reload that takes its time.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.limits.body))
	_ = control.SetWriteDeadline(time.Now().Add(s.limits.write))
	switch v := visitorOf(r.Context()); v.standing {
	case admitted:
		s.routes.ServeHTTP(w, r)
	case surplus:
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("all %d places on the admin socket are taken", s.limits.admins),
			"end a claimctl that runs elsewhere, such as denials --follow")
	default:
		if suppressed, due := s.strangers.Due(time.Now()); due {
			s.log.Warn("admin socket: another user was turned away",
				zap.Uint32("uid", v.peer.uid), zap.Int32("pid", v.peer.pid), suppressed)
		}
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusForbidden, "the admin socket is for root and for uid "+fmt.Sprint(os.Geteuid()), "run claimctl as root")
	}
}
