package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// nginxGoal is what a request through nginx may cost with the check, both programs together, as a multiple of what it
// costs without.
const nginxGoal = 2.5

// TestWhatARequestCostsBehindNginx is a part of `make bench`: the shipped file of nginx, asking over claimd's unix socket,
// against the same file without the lines that ask and pass the answer on. The processor time of nginx and claimd counts.
func TestWhatARequestCostsBehindNginx(t *testing.T) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/nginx") // not in everybody's PATH
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("nginx is not installed: apt install nginx")
	}
	if err != nil {
		t.Fatal(err)
	}
	f := shortForm
	if *long {
		f = longForm
	}
	d := startTenant(t)
	claimd := startClaimd(t, d)
	api := serveAPI(t)
	filled, err := gateways.Fill("nginx.conf", gateways.Site{Claimd: "unix:" + claimd.socket, API: api})
	if err != nil {
		t.Fatal(err)
	}
	bare := startNginx(t, program, "nginx without the check", unchecked(filled))
	checked := startNginx(t, program, "nginx and claimd", filled)
	checked.beside = claimd
	var results []result
	for _, groups := range []int{5, 200} {
		for _, s := range scenarios() {
			if s.groups == groups && !s.fresh {
				s.name, s.goal = "nginx, "+s.name, nginxGoal
				results = append(results, measure(t, s, f, d, bare, checked))
			}
		}
	}
	recorded := readRecorded(t)
	fmt.Print(nginxTable(results, recorded))
	fmt.Printf("%.0f %% of it is claimd's.\n", 100*float64(claimd.processorTime())/float64(checked.processorTime()))
	switch {
	case !*long:
	case *record:
		writeRecorded(t, results)
	default:
		gate(t, results, recorded)
	}
}

// unchecked takes out what asks claimd and what passes its answer on.
func unchecked(filled string) string {
	var b strings.Builder
	for line := range strings.Lines(filled) {
		if !strings.Contains(line, "auth_request") && !(strings.Contains(line, "$claimd_") && !strings.Contains(line, "map ")) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// startNginx runs nginx on the file as one process, which logs no requests.
func startNginx(t *testing.T, program, name, file string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "nginx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close() // nothing was accepted
	file = strings.Replace(file, "listen 80;", "listen "+address+";", 1)
	main := `daemon off; master_process off; pid ` + dir + `/pid; events {}
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ` + dir + `/t1; proxy_temp_path ` + dir + `/t2; fastcgi_temp_path ` + dir + `/t3;
  uwsgi_temp_path ` + dir + `/t4; scgi_temp_path ` + dir + `/t5;
` + file + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	log := new(strings.Builder)
	command.Stderr = log
	start(t, command)
	s := &server{name: name, pid: command.Process.Pid, address: address}
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err = s.dial(); err == nil {
			return s
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// serveAPI answers 200 with nothing else, until the test ends.
func serveAPI(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

func nginxTable(results []result, recorded map[string]float64) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scenario\tgroups\tnginx alone, µs/request\tnginx and claimd, µs/request\tratio\tspread\tgoal\trecorded\talone, requests/s\tchecked, requests/s\t")
	for _, r := range results {
		ratios, last := r.ratios(), "-"
		if value, ok := recorded[r.key()]; ok {
			last = fmt.Sprintf("%.2f", value)
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.2f\t%.2f to %.2f\t%.2f\t%s\t%.0f\t%.0f\t\n", r.name, r.groups,
			medianOf(r.bare, cost.perRequest), medianOf(r.claimd, cost.perRequest), r.ratio(), ratios[0], ratios[len(ratios)-1],
			r.goal, last, medianOf(r.bare, cost.rate), medianOf(r.claimd, cost.rate))
	}
	w.Flush()
	return text.String() + "Processor time of nginx and claimd together, over a unix socket, against the same nginx that asks nobody.\n"
}
