package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveBare is the yardstick: net/http with the limits of claimd's door, and a handler that reads nothing and sets the
// headers that claimd sets for the token: those of the identity, read as JSON from standard input, Cache-Control and a
// decision id. It prints its address and serves until it is killed.
func serveBare() error {
	var identity map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&identity); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var count atomic.Uint64
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			header := w.Header()
			header.Set("Cache-Control", "no-store")
			header.Set("X-Claimd-Decision", "abcdefgh-"+strconv.FormatUint(count.Add(1), 10))
			for name, value := range identity {
				header.Set(name, value)
			}
			header.Set("Content-Length", "0")
			w.WriteHeader(http.StatusOK)
		}),
		Protocols:                    protocols,
		DisableGeneralOptionsHandler: true,
		MaxHeaderBytes:               48 << 10,
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  time.Minute,
		WriteTimeout:                 10 * time.Second,
	}
	fmt.Println(listener.Addr())
	return server.Serve(listener)
}

// startBare starts the yardstick as a process of its own.
func startBare(t *testing.T, identity map[string]string) *server {
	t.Helper()
	text, err := json.Marshal(identity)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), roleVariable+"=bare")
	command.Stdin, command.Stderr = strings.NewReader(string(text)), os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, command)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the bare handler does not start: %v", err)
	}
	return &server{name: "bare", pid: command.Process.Pid, address: strings.TrimSpace(line)}
}

// start starts a process that ends with the test.
func start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended by itself
		_ = command.Wait()         // it was killed
	})
}
