package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// runUntilDone runs a command to its end.
func runUntilDone(t *testing.T, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), arguments, &out, &problems)
	return code, out.String(), problems.String()
}

func TestWrongUsageAndFailuresAreTold(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.toml")
	if err := os.WriteFile(broken, []byte("tenant = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const loopback = "want a loopback address and a port, such as 127.0.0.1:4190\n" +
		"hint: whoever reaches the tenant can have any token, so it serves this host alone\n"
	tests := []struct {
		arguments string
		code      int
		want      string
	}{
		{"serve --nonsense", 2, "fakeentra: unknown flag: --nonsense\nhint: fakeentra help\n"},
		{"serve more", 2, "fakeentra: unknown command \"more\" for \"fakeentra serve\"\nhint: fakeentra help\n"},
		{"nonsense", 2, "fakeentra: unknown command \"nonsense\" for \"fakeentra\"\nhint: fakeentra help\n"},
		{"serve --listen 0.0.0.0:4190", 1, `fakeentra: listen on "0.0.0.0:4190": ` + loopback},
		{"serve --listen [::]:4190", 1, `fakeentra: listen on "[::]:4190": ` + loopback},
		{"serve --listen :4190", 1, `fakeentra: listen on ":4190": ` + loopback},
		{"serve --listen 192.0.2.1:4190", 1, `fakeentra: listen on "192.0.2.1:4190": ` + loopback},
		{"serve --listen localhost:4190", 1, `fakeentra: listen on "localhost:4190": ` + loopback},
		{"serve --directory /nonexistent", 1, "fakeentra: open /nonexistent: no such file or directory\n"},
		{"serve --directory " + broken, 1, "fakeentra: " + broken + ": directory: unknown key tenant\n"},
		{"mint --authority http://127.0.0.1:1", 1, "fakeentra: Get \"http://127.0.0.1:1/fakeentra/\": dial tcp 127.0.0.1:1: " +
			"connect: connection refused\nhint: is a tenant running? start one with: fakeentra serve\n"},
		{"serve --listen 127.0.0.1:0 --ca-file /nonexistent/ca.pem", 1, "fakeentra: open /nonexistent/ca.pem: no such file or directory\n"},
		{"rotate --ca-file /nonexistent/ca.pem", 1, "fakeentra: open /nonexistent/ca.pem: no such file or directory\n"},
		{"rotate --ca-file " + broken, 1, "fakeentra: " + broken + ": want a certificate as PEM\n"},
		{"rotate --authority ://", 1, "fakeentra: parse \":///fakeentra/rotate\": missing protocol scheme\n"},
		{"demo --claimd /nonexistent/claimd", 1, "fakeentra: start claimd: fork/exec /nonexistent/claimd: no such file or directory\n" +
			"hint: make run builds it first; --claimd names another one\n"},
		{"demo --claimd /bin/false", 1, "fakeentra: claimd ended by itself (exit status 1) without a word\n"},
	}
	for _, test := range tests {
		t.Run(test.arguments, func(t *testing.T) {
			code, stdout, stderr := runUntilDone(t, strings.Fields(test.arguments)...)
			if code != test.code || stderr != test.want || stdout != "" {
				t.Errorf("\n got %d, %q, printed %q\nwant %d, %q", code, stderr, stdout, test.code, test.want)
			}
		})
	}
}

func TestHelpNamesEveryCommandAndThatItIsNotForProduction(t *testing.T) {
	code, stdout, _ := runUntilDone(t)
	for _, want := range []string{"never for production", "serve ", "mint ", "rotate ", "demo "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("help lacks %q", want)
		}
	}
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestAFailureKeepsItsCause(t *testing.T) {
	if err := error(&failure{os.ErrNotExist}); !errors.Is(err, os.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

// serving runs `fakeentra serve` on a free port until the test ends, and gives its authority and what it printed.
func serving(t *testing.T, more ...string) (authority, printed string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := newWatched()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, more...), out, out) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("serve ended with %d, want 0:\n%s", code, out.String())
		}
	})
	printed = out.waitFor(t, "collector\n")
	return regexp.MustCompile(`authority +(\S+)`).FindStringSubmatch(printed)[1], printed
}

func TestARunningTenantMintsAndRotates(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("while it runs", func(t *testing.T) {
		authority, printed := serving(t)
		if first, _, _ := strings.Cut(printed, "\n"); first != warning {
			t.Errorf("the first line is %q, want %q", first, warning)
		}
		code, token, stderr := runUntilDone(t, "mint", "--authority", authority, "--user", "reader", "--token-version", "1")
		if code != 0 || strings.Count(token, ".") != 2 {
			t.Errorf("mint: %d, %q, %s", code, token, stderr)
		}
		code, keyID, stderr := runUntilDone(t, "rotate", "--authority", authority)
		if code != 0 || !regexp.MustCompile(`^[\w-]{27}\n$`).MatchString(keyID) {
			t.Errorf("rotate: %d, %q, %s", code, keyID, stderr)
		}
		code, _, stderr = runUntilDone(t, "mint", "--authority", authority, "--user", "nobody")
		if want := "fakeentra: the tenant answers 400 Bad Request: the directory has no user \"nobody\"\n"; code != 1 || stderr != want {
			t.Errorf("mint for nobody: %d, %q", code, stderr)
		}
		code, _, stderr = runUntilDone(t, "rotate", "--authority", authority+"/x")
		if want := "fakeentra: the tenant answers 404 Not Found: \n"; code != 1 || stderr != want {
			t.Errorf("rotate at a wrong address: %d, %q", code, stderr)
		}
	})
}

// Whoever uses Microsoft's clients needs https: they take no other authority.
func TestATenantOverTLSIsReachedWithItsCAAlone(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("while it runs", func(t *testing.T) {
		caFile := filepath.Join(t.TempDir(), "ca.pem")
		authority, printed := serving(t, "--ca-file", caFile)
		if !strings.HasPrefix(authority, "https://localhost:") || !strings.Contains(printed, "\nCA         "+caFile+"\n") {
			t.Errorf("authority %q, printed:\n%s", authority, printed)
		}
		code, token, stderr := runUntilDone(t, "mint", "--authority", authority, "--ca-file", caFile, "--user", "reader")
		if code != 0 || strings.Count(token, ".") != 2 {
			t.Errorf("mint: %d, %q, %s", code, token, stderr)
		}
		code, keyID, stderr := runUntilDone(t, "rotate", "--authority", authority, "--ca-file", caFile)
		if code != 0 || keyID == "" {
			t.Errorf("rotate: %d, %q, %s", code, keyID, stderr)
		}
		code, _, stderr = runUntilDone(t, "rotate", "--authority", authority)
		if code != 1 || !strings.Contains(stderr, "certificate signed by unknown authority") {
			t.Errorf("rotate without the CA: %d, %q", code, stderr)
		}
		if info, err := os.Stat(caFile); err != nil || info.Mode().Perm()&0o022 != 0 {
			t.Errorf("others may write the CA's file: %v %v", info, err)
		}
	})
}
