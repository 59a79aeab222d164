package config

import (
	"regexp"
	"slices"
	"testing"
)

// FAULTS 182 (GHSA-q926-c743-49qj): every key that the parser knows, those of later versions too, says what claimd is
// to do. None of them switches off a check of signature, TLS, issuer, audience or times, or lets anybody in who fails
// one.
func TestNoKeySwitchesACheckOff(t *testing.T) {
	root, _, _ := treeOf(uncommented(shipped(t, "claimd/claimd.toml"))).merged()
	check := &checker{root: root, whole: true}
	check.config(nil)
	switches := regexp.MustCompile(`(?i)insecure|skip|verif|valid|unsafe|bypass|ignore|disable|debug|anonymous|trust_|allow_|no_|without`)
	var known []string
	for _, table := range check.tables {
		for _, key := range table.known {
			known = append(known, key)
			if switches.MatchString(key) {
				t.Errorf("%s: a key of that name switches something off", KeyPath(append(slices.Clone(table.path), key)))
			}
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) < 60 || !slices.Contains(known, "client_application_ids") || !slices.Contains(known, "ca_file") {
		t.Errorf("%d keys are known: %q", len(known), known)
	}
}

// The nearest to such switches that people try, each told as what it is: no key at all.
func TestSwitchesOfOtherProgramsAreUnknown(t *testing.T) {
	for table, keys := range map[string][]string{
		"": {"insecure", "debug", "skip_verify"},
		"[provider.contoso]": {"insecure_skip_verify", "skip_issuer_check", "skip_audience_check", "insecure_skip_signature_check", "allow_unverified",
			"verify_signature", "ssl_insecure_skip_verify", "skip_expiry_check", "insecure_skip_nonce", "disable_tls"},
		"[outbound]": {"insecure_skip_verify", "tls_skip_verify", "verify", "insecure"},
		"[proxy]":    {"upstream_insecure", "ssl_upstream_insecure_skip_verify", "skip_auth_routes"},
		"[server]":   {"skip_auth_preflight", "skip_auth_regex", "whitelist"},
	} {
		for _, key := range keys {
			_, faults := treeOf(table + "\n" + key + " = true\n").Parse()
			told := false
			for _, fault := range faults {
				told = told || !fault.Notice && regexp.MustCompile(`(^|\.)`+regexp.QuoteMeta(key)+`$`).MatchString(fault.Key)
			}
			if !told || !faults.Refuse() {
				t.Errorf("%s %s: it is taken: %v", table, key, faults)
			}
		}
	}
}
