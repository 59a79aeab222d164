package main

import (
	"fmt"
	"io"
	"strings"
)

// screen is what the user sees first.
type screen struct {
	out      io.Writer
	stage    *stage
	claimctl string
}

// call is one request that the demo shows.
type call struct {
	name   string // of the token's file
	who    string
	status int    // that claimd answers
	reason string // that claimd gives; "" = let in
}

// calls gives the requests in the order of the screen.
func calls() []call {
	return []call{
		{"reader", "a reader, in the group Analysts", 200, ""},
		{"administrator", "an administrator, in the admin_group", 200, ""},
		{"service", "an application, which is a [[service_account]]", 200, ""},
		{"stranger", "a stranger, in no group that is declared", 403, "no_group"},
		{"expired", "the reader again, with a token of yesterday", 401, "expired"},
	}
}

// show prints the first screen.
func (s screen) show() {
	s.head()
	s.say("From another terminal:\n")
	for _, call := range calls() {
		s.say("  %s", s.dim(strings.TrimSpace(fmt.Sprintf("# %s: %d %s", call.who, call.status, call.reason))))
		s.say("  %s", s.curl(call))
	}
	s.say("  %s", s.dim("# who was refused, and why the stranger was"))
	s.say("  %s --config %s denials", s.claimctl, s.stage.config())
	s.say("  %s --config %s explain %s", s.claimctl, s.stage.config(), s.stage.tokenFile("stranger"))
	s.say("  %s", s.dim("# declare the stranger's group, in an editor or so, and call again"))
	s.say("  sed -i '/Visitors/s/^# //' %s", s.stage.config())
	s.say("\nCtrl-C ends all of it and removes the folder. What claimd has to say:\n")
}

func (s screen) head() {
	s.say("%s\n", s.bold(warning))
	s.say("  configuration  %s", s.bold(s.stage.config()))
	s.say("  the API        http://%s/  behind claimd's reverse proxy; it answers with what claimd tells it", s.stage.proxy)
	s.say("  for gateways   http://%s/auth  and /whoami, /livez, /readyz", s.stage.server)
	s.say("  the tenant     %s/fakeentra/\n", s.stage.tenant.URL())
}

// curl gives the command line of a call.
func (s screen) curl(call call) string {
	return fmt.Sprintf(`curl -s -H "Authorization: Bearer $(cat %s)" http://%s/`, s.stage.tokenFile(call.name), s.stage.proxy)
}

func (s screen) say(format string, arguments ...any) { fmt.Fprintf(s.out, format+"\n", arguments...) }
func (s screen) bold(text string) string             { return s.styled("1", text) }
func (s screen) dim(text string) string              { return s.styled("2", text) }

// styled is plain where nobody would see a style.
func (s screen) styled(code, text string) string {
	if !isTerminal(s.out) {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
