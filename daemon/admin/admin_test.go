package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

func TestMain(m *testing.M) {
	if part := os.Getenv("CLAIMD_ADMIN_TEST_PART"); part != "" {
		os.Exit(playPart(part, os.Getenv("CLAIMD_ADMIN_TEST_SOCKET")))
	}
	goleak.VerifyTestMain(m)
}

// disabledGate refuses every request with "disabled": the shortest way to real denials.
func disabledGate() *access.Gate {
	return access.NewGate(access.Compile(&config.Config{}, nil, nil, 1), access.Options{})
}

func deny(t *testing.T, gate *access.Gate) string {
	t.Helper()
	decision := gate.Decide(t.Context(), access.Request{Header: http.Header{}})
	if decision.Reason != reason.Disabled {
		t.Fatalf("reason: want disabled, got %q", decision.Reason)
	}
	return decision.ID
}

// backend answers with fixed values.
func backend(gate *access.Gate) Backend {
	return Backend{
		Status: func() Status { return Status{Version: "1.2.3", PID: 42, Generation: 7, Ready: true} },
		Reload: func(context.Context) ReloadResult {
			return ReloadResult{Generation: 7, Faults: config.Faults{{File: "/etc/claimd/claimd.toml", Line: 3, Key: "groups", Problem: "want a table"}}}
		},
		Explain: func(_ context.Context, token string, original *access.Original) access.Explanation {
			e := access.Explanation{Reason: reason.Malformed, Sentence: fmt.Sprintf("%d bytes", len(token))}
			if original != nil {
				e.Sentence = fmt.Sprintf("%+v", *original)
			}
			return e
		},
		Denials: gate.Denials(),
		Keys:    func() []keys.Status { return []keys.Status{{Provider: "contoso", Live: true}} },
		RefreshKeys: func(_ context.Context, provider string) ([]RefreshResult, error) {
			if provider == "nobody" {
				return nil, errors.New(`there is no provider "nobody"`)
			}
			return []RefreshResult{{Provider: "contoso"}, {Provider: "fabrikam", Problem: "no route to host"}}, nil
		},
		Users:     backendUsers,
		User:      backendUser,
		Change:    backendChange,
		Locals:    backendLocals,
		Unmatched: backendUnmatched,
		Judge:     backendJudge,
	}
}

// serve runs a Server with these limits on a socket of its own until the test ends, and gives the socket's path.
func serve(t *testing.T, b Backend, limits limits, log *zap.Logger) string {
	t.Helper()
	path := filepath.Join(shortDirectory(t), "admin.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(b, log, limits)
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve after Close: want nil, got %v", err)
		}
	})
	return path
}

// dial connects to the socket until the test ends.
func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// memoryLog gives a log and what it holds.
func memoryLog() (*zap.Logger, *lockedBuffer) {
	buffer := &lockedBuffer{}
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(buffer), zap.InfoLevel)), buffer
}

type lockedBuffer struct{ bytes.Buffer }

func (*lockedBuffer) Sync() error { return nil }

// wantError compares the whole text; PATH in want stands for path.
func wantError(t *testing.T, err error, want, path string) {
	t.Helper()
	want = strings.ReplaceAll(want, "PATH", path)
	switch {
	case err == nil:
		t.Errorf("want the error %q, got none", want)
	case err.Error() != want:
		t.Errorf("error\nwant %s\ngot  %s", want, err)
	}
}
