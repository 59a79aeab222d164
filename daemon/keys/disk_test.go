package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// keptOnDisk fetches the tenant's keys once into a directory, and gives the file.
func keptOnDisk(t *testing.T, e *entraTenant, options Options) (directory, file string) {
	t.Helper()
	options.Directory = filepath.Join(t.TempDir(), "state", "keys")
	r := ringOf(t, options)
	refreshed(t, r.Open(e.source()))
	r.Close()
	files, err := filepath.Glob(filepath.Join(options.Directory, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("want one file, got %v, %v", files, err)
	}
	return options.Directory, files[0]
}

// Fault 46: restarted while the provider is down, claimd is ready from what it has kept.
func TestAColdStartWhileTheProviderIsDown(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()), ecJWK("b", keyEC()), with(rsaJWK("c", keyC()), "use", "enc"))
	directory, file := keptOnDisk(t, e, Options{})
	e.answerAll(status(503))

	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: want mode 0700, got %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: want mode 0600, got %v, %v", info.Mode(), err)
	}
	fetches := e.requests("v2 document")
	p := ringOf(t, Options{Directory: directory}).Open(e.source())
	if !p.Live() || p.Changes() != 1 {
		t.Errorf("want live, and the load counted, got %v, %d", p.Live(), p.Changes())
	}
	wantKey(t, p, "a")
	wantKey(t, p, "b")
	if got, want := p.Issuer(entra.V1), e.base+"/"+tenant+"/"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got := e.requests("v2 document"); got != fetches {
		t.Errorf("want Open without the network, got %d requests", got-fetches)
	}
	wantErr(t, p, "c", ErrUnavailable) // whether it is published by now cannot be known
	d := p.Status().Documents[1]
	if d.Source != "disk" || !d.Live || len(d.Keys) != 3 || d.FetchedAt.IsZero() {
		t.Errorf("want the disk as source, got %+v", d)
	}
	changes := p.Changes()
	e.answerAll(nil)
	refreshed(t, p)
	if d := p.Status().Documents[1]; d.Source != "network" || p.Changes() != changes {
		t.Errorf("want the network as source, without a change, got %s and %d", d.Source, p.Changes()-changes)
	}
}

// What the disk has kept is as old as it is: it dies 24 hours after it was fetched, not after the start, and is
// refreshed an hour after it was fetched.
func TestKeptKeysGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		directory, _ := keptOnDisk(t, e, Options{Client: client})
		time.Sleep(30 * time.Minute)
		fetches := e.requests("v2 keys")
		r := ringOf(t, Options{Client: client, Directory: directory})
		p := r.Open(e.source())
		r.Keep([]*Provider{p})
		time.Sleep(23 * time.Minute)
		if got := e.requests("v2 keys"); got != fetches {
			t.Errorf("after 53 minutes: want no fetch, got %d", got-fetches)
		}
		time.Sleep(14 * time.Minute)
		if got := e.requests("v2 keys"); got != fetches+1 {
			t.Errorf("after 67 minutes: want one fetch, got %d", got-fetches)
		}
		r.Close()

		time.Sleep(23 * time.Hour)
		e.answerAll(status(503))
		q := ringOf(t, Options{Client: client, Directory: directory}).Open(e.source())
		wantKey(t, q, "a")
		changes := q.Changes()
		time.Sleep(time.Hour)
		if q.Live() || q.Changes() != changes+2 {
			t.Errorf("want dead and counted, got live %v, %d more", q.Live(), q.Changes()-changes)
		}
		wantErr(t, q, "a", ErrUnavailable)
	})
}

// With a copy of one version alone, the other is missing: the first refresh is due at once.
func TestACopyOfOneVersionIsRefreshedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		e.answer("v1 document", status(503))
		directory, _ := keptOnDisk(t, e, Options{Client: client})
		e.answer("v1 document", nil)
		fetches := e.requests("v2 keys")
		r := ringOf(t, Options{Client: client, Directory: directory})
		p := r.Open(e.source())
		wantKey(t, p, "a")
		r.Keep([]*Provider{p})
		synctest.Wait()
		if got := e.requests("v2 keys") - fetches; got != 1 {
			t.Errorf("want one fetch at once, got %d", got)
		}
		if _, err := p.Lookup(t.Context(), entra.V1, "a"); err != nil {
			t.Errorf("v1.0: want the key, got %v", err)
		}
	})
}

// resealed gives the copy with its content changed and a checksum that fits again.
func resealed(t *testing.T, raw []byte, change func(kept object)) []byte {
	t.Helper()
	var envelope struct {
		Kept object `json:"kept"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		t.Fatal(err)
	}
	change(envelope.Kept)
	inner := encoded(envelope.Kept)
	sum := sha256.Sum256(inner)
	return []byte(fmt.Sprintf(`{"sha256":%q,"kept":%s}`, hex.EncodeToString(sum[:]), inner))
}

// each changes every edition of a copy.
func each(name string, value any) func(object) {
	return func(kept object) {
		for _, edition := range kept["editions"].([]any) {
			edition.(object)[name] = value
		}
	}
}

// Fault 47: a copy that is damaged, old, or of something else is not used, and the log says why.
func TestAKeptCopyThatIsNotUsed(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	_, file := keptOnDisk(t, e, Options{})
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(raw []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	changed := func(change func(object)) func(*testing.T, string) { return write(resealed(t, good, change)) }
	source := func(name, value string) func(*testing.T, string) {
		return changed(func(kept object) { kept["source"].(object)[name] = value })
	}
	const notOurs = "it is not the JSON that claimd wrote"
	tests := []struct {
		name string
		make func(*testing.T, string)
		want string // the reason in the log; "" = it is used
	}{
		{"untouched", write(good), ""},
		{"resealed without a change", changed(func(object) {}), ""},
		{"a flipped bit in a key", write(bytes.Replace(good, []byte(`"keys":"e`), []byte(`"keys":"f`), 1)), "its checksum does not fit"},
		{"a flipped bit in the checksum", write(slices.Concat(good[:11], []byte{good[11] ^ 1}, good[12:])), "its checksum does not fit"},
		{"another time", write(bytes.Replace(good, []byte(`"fetched_at":"2`), []byte(`"fetched_at":"3`), 1)), "its checksum does not fit"},
		{"cut off", write(good[:len(good)/2]), notOurs},
		{"empty", write(nil), notOurs},
		{"no JSON", write([]byte("hello")), notOurs},
		{"a member more", write(bytes.Replace(good, []byte("{"), []byte(`{"x":1,`), 1)), notOurs},
		{"a member more inside", changed(func(kept object) { kept["x"] = 1 }), notOurs},
		{"of another tenant", source("Tenant", "9188040d-6c67-4c5b-b112-36a304b66dad"), "it is of another source"},
		{"of another application", source("ApplicationID", "9188040d-6c67-4c5b-b112-36a304b66dad"), "it is of another source"},
		{"of another issuer", source("IssuerV2", "https://login.contoso.test/"), "it is of another source"},
		{"of another address", changed(each("url", "http://127.0.0.1/x")), "it is of another address"},
		{"24 hours old", changed(each("fetched_at", time.Now().Add(-maxAge))), "it is older than 24 hours"},
		{"from the future", changed(each("fetched_at", time.Now().Add(time.Minute))), "its time lies in the future"},
		{"without a time", changed(each("fetched_at", time.Time{})), "it is older than 24 hours"},
		{"with a document of another tenant", changed(each("document", []byte(`{"issuer":"https://x.test/y"}`))),
			`issuer: want one with the tenant d86ca749-105f-4f0a-a4f2-89c5ef275c2e in its path, got "https://x.test/y"`},
		{"without keys", changed(each("keys", []byte(`{"keys":[]}`))), "want at least one usable key, got an empty set"},
		{"over 16 MiB", write(append(slices.Clone(good), make([]byte, maxCopy)...)), "it is over 16 MiB"},
		{"writable by others", func(t *testing.T, path string) {
			write(good)(t, path)
			if err := os.Chmod(path, 0o620); err != nil {
				t.Fatal(err)
			}
		}, "others may write it (mode 0620)"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "it is not a regular file"},
		{"a pipe", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "it is not a regular file"},
		{"a link", func(t *testing.T, path string) {
			if err := os.Symlink(file, path); err != nil {
				t.Fatal(err)
			}
		}, "open FILE: too many levels of symbolic links"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, filepath.Base(file))
			test.make(t, path)
			log, logs := logged()
			p := ringOf(t, Options{Directory: directory, Log: log}).Open(e.source())
			if used := p.Live(); used != (test.want == "") {
				t.Errorf("want used = %v, got %v", test.want == "", used)
			}
			var got []string
			for _, entry := range logs.FilterMessage("kept signing keys are not used").All() {
				got = append(got, strings.ReplaceAll(fmt.Sprint(entry.ContextMap()["why"]), path, "FILE"))
			}
			if got = slices.Compact(got); test.want == "" && len(got) != 0 || test.want != "" && !slices.Equal(got, []string{test.want}) {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

// Keys that belong to another user are somebody else's word.
func TestACopyOfAnotherUserIsNotUsed(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can give a file away")
	}
	e := served(t, rsaJWK("a", keyA()))
	directory, file := keptOnDisk(t, e, Options{})
	if err := os.Chown(file, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	log, logs := logged()
	p := ringOf(t, Options{Directory: directory, Log: log}).Open(e.source())
	if p.Live() || fmt.Sprint(logs.All()[0].ContextMap()["why"]) != "it belongs to the user 65534" {
		t.Errorf("want the copy refused for its owner, got live %v, %v", p.Live(), logs.All())
	}
}

// A changed application drops the keys, as a changed tenant does.
func TestAChangedSourceFindsNoCopy(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	directory, _ := keptOnDisk(t, e, Options{})
	r := ringOf(t, Options{Directory: directory})
	for name, change := range map[string]func(*Source){
		"application": func(s *Source) { s.ApplicationID = "x" },
		"tenant":      func(s *Source) { s.Tenant = "x" },
		"authority":   func(s *Source) { s.Authority += ".test" },
		"issuer":      func(s *Source) { s.IssuerV1 = "x" },
		"cloud":       func(s *Source) { s.CloudInstance = "localhost" },
		"name":        func(s *Source) { s.Name = "../../contoso" },
	} {
		s := e.source()
		change(&s)
		p := r.Open(s)
		if p.Live() {
			t.Errorf("%s: want no keys, got some", name)
		}
		if got := filepath.Dir(p.copyPath()); got != directory {
			t.Errorf("%s: want the copy in %s, got %s", name, directory, got)
		}
	}
}

// A full or broken disk is logged once and hurts nothing: the keys are used all the same.
func TestADiskThatTakesNothing(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	parent := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(parent, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	log, logs := logged()
	p := ringOf(t, Options{Directory: filepath.Join(parent, "keys"), Log: log}).Open(e.source())
	refreshed(t, p)
	refreshed(t, p)
	wantKey(t, p, "a")
	if got := logs.FilterMessage("signing keys cannot be kept on disk").Len(); got != 1 {
		t.Errorf("want one line, got %d", got)
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	refreshed(t, p)
	if got := logs.FilterMessage("signing keys are kept on disk again").Len(); got != 1 {
		t.Errorf("want one line, got %d", got)
	}
}

// A crash in the middle of a write leaves the old copy, and what is left of the new one is no hindrance.
func TestTheCopyIsReplacedWhole(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	directory, file := keptOnDisk(t, e, Options{})
	if err := os.WriteFile(file+".new", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.publish(rsaJWK("b", keyB()))
	p := ringOf(t, Options{Directory: directory}).Open(e.source())
	wantKey(t, p, "a")
	refreshed(t, p)
	e.answerAll(func(http.ResponseWriter, *http.Request) { t.Error("want no request, got one") })
	wantKey(t, ringOf(t, Options{Directory: directory}).Open(e.source()), "b")
	if files, _ := filepath.Glob(filepath.Join(directory, "*")); !slices.Equal(files, []string{file}) {
		t.Errorf("want the copy alone, got %v", files)
	}
}

// The rename fails, with a directory in the copy's place: nothing half is left behind.
func TestAFailedReplacementLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy.json")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("x")); err == nil {
		t.Error("want an error, got none")
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("want nothing left, got %v", err)
	}
}
