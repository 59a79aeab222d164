package gatewaytest

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// front is a running gateway.
type front struct {
	address string
	log     func() string
}

// program tells how a gateway of this host is run, in the foreground and with its own temporary files, on the shipped
// file. What stands around that is the least that the program wants.
type program struct {
	binary, deb string
	front       func(address string) string // the address in the words of its file
	around      func(dir, address string) string
	arguments   func(main string) []string
}

func programs() map[string]program {
	same := func(address string) string { return address }
	return map[string]program{
		"nginx": {"nginx", "nginx", same, nginxAround, func(main string) []string {
			return []string{"-p", filepath.Dir(main), "-e", "stderr", "-c", main}
		}},
		"apache": {"apache2", "apache2-bin", same, apacheAround, func(main string) []string {
			return []string{"-D", "FOREGROUND", "-d", filepath.Dir(main), "-f", main}
		}},
		"haproxy": {"haproxy", "haproxy", same, nil, func(main string) []string { return []string{"-db", "-f", main} }},
		"caddy": {"caddy", "caddy", func(address string) string {
			_, port, _ := strings.Cut(address, ":")
			return "http://:" + port
		}, caddyAround, func(main string) []string { return []string{"run", "--adapter", "caddyfile", "--config", main} }},
	}
}

func nginxAround(dir, _ string) string {
	return `daemon off; master_process off; pid ` + dir + `/nginx.pid; events {}
http {
  access_log off;
  client_body_temp_path ` + dir + `/t1; proxy_temp_path ` + dir + `/t2; fastcgi_temp_path ` + dir + `/t3;
  uwsgi_temp_path ` + dir + `/t4; scgi_temp_path ` + dir + `/t5;
  include ` + dir + `/nginx.conf;
}
`
}

func apacheAround(dir, address string) string {
	text := ""
	for _, module := range []string{"mpm_event", "authz_core", "proxy", "proxy_http", "headers", "rewrite"} {
		text += "LoadModule " + module + "_module /usr/lib/apache2/modules/mod_" + module + ".so\n"
	}
	if os.Geteuid() == 0 {
		text += "User www-data\nGroup www-data\n"
	}
	return text + `Listen ` + address + `
ServerName gateway
DefaultRuntimeDir ` + dir + `
PidFile ` + dir + `/apache.pid
ErrorLog /dev/stderr
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
Include ` + dir + `/apache.conf
`
}

func caddyAround(dir, _ string) string {
	shipped, err := os.ReadFile(filepath.Join(dir, "Caddyfile"))
	if err != nil {
		return err.Error() // Caddy says what it thinks of that
	}
	return strings.Replace(string(shipped), "\n{\n", "\n{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tstorage file_system "+dir+"/storage\n", 1)
}

// withoutStrangers leaves the user and the group out whom this host does not know, or whom only root could become.
func withoutStrangers(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		var err error
		switch words := append(strings.Fields(line), "", ""); words[0] {
		case "user":
			_, err = user.Lookup(words[1])
		case "group":
			_, err = user.LookupGroup(words[1])
		default:
			b.WriteString(line)
			continue
		}
		if err == nil && os.Geteuid() == 0 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// run writes the files for the site and starts the program, which ends with the test.
func (p program) run(t *testing.T, gateway gateways.Gateway, site gateways.Site) *front {
	t.Helper()
	dir, err := os.MkdirTemp("", "gateway")
	must(t, err, os.Chmod(dir, 0o711))
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	address := freeAddress(t)
	site.Front, site.Lua = p.front(address), filepath.Join(dir, "claimd.lua")
	for _, file := range gateway.Files {
		text, err := gateways.Fill(file, site)
		if file == "haproxy.cfg" {
			text = withoutStrangers(text)
		}
		must(t, err, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	main := filepath.Join(dir, gateway.Files[0])
	if p.around != nil {
		main = filepath.Join(dir, "main.conf")
		must(t, os.WriteFile(main, []byte(p.around(dir, address)), 0o644))
	}
	return p.start(t, dir, main, address)
}

func (p program) start(t *testing.T, dir, main, address string) *front {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "stderr"))
	must(t, err)
	defer log.Close()
	command := exec.Command(p.path(t), p.arguments(main)...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	must(t, command.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // it is told to end below
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Errorf("%s does not end", p.binary)
			_ = command.Process.Kill()
			<-ended
		}
	})
	f := &front{address: address, log: func() string {
		text, _ := os.ReadFile(log.Name()) // for people
		return string(text)
	}}
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return f
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", p.binary, f.log())
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen:\n%s", p.binary, f.log())
		}
	}
}

// path finds the program. Without it the test is left out, but never where CI runs it.
func (p program) path(t *testing.T) string {
	t.Helper()
	if other := os.Getenv("CLAIMD_TEST_" + strings.ToUpper(p.binary)); other != "" {
		return other
	}
	path, err := exec.LookPath(p.binary)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + p.binary) // not in everybody's PATH
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed: apt install %s", p.binary, p.deb)
	}
	must(t, err)
	return path
}
