package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/metrics"
	"github.com/claimd/claimd/daemon/proxy"
)

// Run serves until ctx ends, then drains and returns nil. The error is config.Faults where the configuration cannot be
// used; it wraps fs.ErrPermission where an address or a socket may not be had.
func Run(ctx context.Context, options Options) error {
	return run(ctx, options, usualPace, fsnotify.NewWatcher)
}

func run(ctx context.Context, options Options, pace pace, watcher func() (*fsnotify.Watcher, error)) error {
	path, err := filepath.Abs(options.ConfigPath)
	if err != nil {
		return err
	}
	options.ConfigPath = path
	tree, faults := config.Read(path, config.ReadOptions{Credentials: options.Credentials})
	seen := fingerprint(tree, faults)
	loaded, faults := judge(tree, faults)
	if faults.Refuse() {
		return faults
	}
	given, err := inherit(options.Systemd.handedOver())
	if err != nil {
		return err
	}
	d := &daemon{options: options, pace: pace, started: time.Now()}
	d.openLog(loaded.Config.Log)
	if err := d.start(ctx, loaded, seen, given, watcher); err != nil {
		given.close()
		if errors.Is(err, context.Canceled) && ctx.Err() != nil { // stopped before it served
			return nil //nolint:nilerr // to be stopped is no failure
		}
		return err
	}
	return d.serve(ctx)
}

// daemon is a running claimd.
type daemon struct {
	options Options
	pace    pace
	started time.Time

	log      *zap.Logger
	logging  *logging // nil: Options.Log is used
	ring     *keys.Ring
	graphs   *graphs
	opaques  *opaques
	gate     *access.Gate
	doors    *doors
	reloader *reloader
	socket   net.Listener // of the administrators
	admin    *admin.Server

	directory   *directory.Directory   // nil: not usable, which only a disabled configuration starts without
	noDirectory string                 // why there is none
	database    atomic.Pointer[string] // the URL that serves; nil with SQLite
}

func (d *daemon) openLog(cfg config.Log) {
	d.log = d.options.Log
	if d.log == nil {
		d.logging = newLogging(os.Stderr, d.options.Systemd.journalSender(), cfg)
		d.log = d.logging.logger()
	}
}

// start opens the directory of users, binds all sockets and compiles the first Snapshot. It waits for no network: keys are
// fetched by the ring later. The admin socket comes first: who finds another claimd on it touches nothing that is its.
// After an error nothing is left behind.
func (d *daemon) start(ctx context.Context, loaded *Loaded, seen string, given *inherited, watcher func() (*fsnotify.Watcher, error)) (err error) {
	d.socket, err = admin.Listen(loaded.Config.Admin.Socket)
	if err != nil {
		return fmt.Errorf("admin.socket: %w", err)
	}
	if err := d.openDirectory(ctx, loaded.Config); err != nil {
		_ = d.socket.Close()
		return err
	}
	d.ring = keys.NewRing(keys.Options{Directory: d.keysDirectory(loaded), Client: loaded.Client, Log: d.log})
	now := &running{loaded: loaded, seen: seen, providers: loaded.Open(d.ring), generation: 1, at: time.Now()}
	d.graphs, d.opaques = newGraphs(d.log), newOpaques(d.log)
	first := loaded.Snapshot(now.providers, now.generation)
	first.AskGraphs(d.graphs.use(loaded, now.providers))
	first.AskOpaque(d.opaques.use(loaded, now.providers))
	d.gate = access.NewGate(first, access.Options{
		Log: d.log, Kept: d.options.Kept, Directory: d.directory,
	})
	d.doors = newDoors(d.log, d.gate, map[string]http.Handler{
		doorServer:  gateway.Handler(d.gate),
		doorProxy:   proxy.Handler(d.gate, d.log),
		doorMetrics: metrics.Handler(d.status),
	}, d.pace, d.options.Systemd, given)
	change, err := d.doors.prepare(loaded.Config)
	if err != nil {
		d.graphs.close()
		d.opaques.close()
		d.ring.Close()
		d.closeDirectory()
		_ = d.socket.Close()
		return err
	}
	change.commit()
	d.ring.Keep(slices.Collect(maps.Values(now.providers)))
	d.reloader = d.newReloader(now, watcher)
	d.admin = admin.NewServer(d.backend(), d.log)
	d.census()
	logServing(d.log, now)
	return nil
}

func (d *daemon) keysDirectory(loaded *Loaded) string {
	directory, err := keysDirectory(loaded.Config.State.Directory)
	if err != nil {
		problem, hint, _ := strings.Cut(err.Error(), "\n  hint: ")
		d.log.Warn("no keys are kept on disk: a restart without network will not be ready",
			zap.String("error", problem), zap.String("hint", hint))
		return ""
	}
	return directory
}

func (d *daemon) newReloader(now *running, watcher func() (*fsnotify.Watcher, error)) *reloader {
	r := &reloader{
		path: d.options.ConfigPath, reading: config.ReadOptions{Credentials: d.options.Credentials}, pace: d.pace, log: d.log, logging: d.logging,
		gate: d.gate, ring: d.ring, graphs: d.graphs, opaques: d.opaques, doors: d.doors, systemd: d.options.Systemd,
		signals:  d.options.Reload,
		requests: make(chan chan<- admin.ReloadResult),
		done:     make(chan struct{}),
		watch:    newWatch(d.log, watcher),
		clock:    newClock(d.log, d.options.wall),
		database: d.database.Store, census: d.census, noDirectory: d.noDirectory,
		client:   now.loaded.Client,
		last:     now.loaded.Tree,
		debounce: debounce{quiet: d.pace.quiet, most: d.pace.most},
	}
	r.state.Store(&state{running: now})
	if every := d.options.Systemd.expects(); every > 0 {
		r.watchdog = newWatchdog(d.log, d.options.Systemd, every)
	}
	return r
}

// serve runs until ctx ends or a socket fails, then drains.
func (d *daemon) serve(ctx context.Context) error {
	reloading, stopReloading := context.WithCancel(context.Background())
	defer stopReloading()
	d.reloader.ready()
	go d.reloader.loop(reloading)
	administered := make(chan error, 1)
	go func() { administered <- d.admin.Serve(d.socket) }()
	if d.options.Ready != nil {
		d.options.Ready()
	}
	var failure error
	select {
	case <-ctx.Done():
		d.log.Info("stopping: no new connections, requests under way may end")
	case failure = <-d.doors.failed:
	case err := <-administered:
		failure = fmt.Errorf("the admin socket: %w", err)
		administered <- nil
	}
	d.gate.Retire()
	d.options.Systemd.tell(stopping, "STATUS=Stopping: requests under way may end")
	stopReloading()
	<-d.reloader.done
	d.doors.close()
	_ = d.admin.Close()
	_ = <-administered // it was closed above
	_ = d.socket.Close()
	d.graphs.close()
	d.opaques.close()
	d.ring.Close()
	d.closeDirectory() // last of all: nobody sees anybody any more
	d.log.Info("stopped")
	_ = d.log.Sync() // the last line, where its reader is slow
	return failure
}
