package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// readyWithin is how long claimd may take to be ready, and stopWithin to end when it is asked to.
const (
	readyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
)

// process is the running claimd.
type process struct {
	command *exec.Cmd
	log     *log
	ended   chan struct{} // closed when it is over; err is set then
	err     error
}

// startDaemon starts claimd in a process group of its own, so that an interrupt at the terminal reaches it through stop
// alone, and in order.
func startDaemon(path, config string, log *log) (*process, error) {
	command := exec.Command(path, "--config", config)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.WaitDelay = time.Second // of a grandchild that keeps the pipe open
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start claimd: %w\nhint: make run builds it first; --claimd names another one", err)
	}
	p := &process{command: command, log: log, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = command.Wait()
	}()
	return p, nil
}

// waitReady waits until claimd answers 200 at the address.
func (p *process) waitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if response, err := client.Get(address); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.ended:
			return p.death()
		case <-ctx.Done():
			return fmt.Errorf("claimd was not ready within %v; its last lines:\n%s", readyWithin, p.log.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// death tells how claimd ended when nobody asked it to.
func (p *process) death() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	last := strings.TrimSpace(p.log.tail())
	if last == "" {
		return errors.New("claimd ended by itself (" + how + ") without a word")
	}
	return fmt.Errorf("claimd ended by itself (%s); its last lines:\n%s", how, last)
}

// stop ends claimd and whatever it started, and waits for that.
func (p *process) stop() {
	group := -p.command.Process.Pid
	select {
	case <-p.ended:
		return
	default:
		_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended just now
	}
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-p.ended
	}
}
