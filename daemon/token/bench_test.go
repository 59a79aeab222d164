package token

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
)

func groupsOf(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("6cab8f93-8e22-4947-80c3-%012d", i)
	}
	return groups
}

func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{5, 200} {
		b.Run(fmt.Sprintf("%d groups", n), func(b *testing.B) {
			v, raw := contoso.verifier(nil), contoso.user(claims{"groups": groupsOf(n)})
			b.ReportAllocs()
			for b.Loop() {
				verdict := v.Verify(b.Context(), raw, now, nil)
				if verdict.Reason != reason.None || len(verdict.Claims.Value("groups").List) != n {
					b.Fatal(verdict.Reason)
				}
			}
		})
	}
}

func BenchmarkRefuse(b *testing.B) {
	good := contoso.user(claims{"groups": groupsOf(200)})
	for name, raw := range map[string]string{
		"A1 a mebibyte of dots":  strings.Repeat(".", 1<<20),
		"A17 a header of 30 KiB": strings.Repeat("A", 30<<10) + ".e30.AA",
		"A18 9,000 levels":       contoso.raw(`"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000), nil),
		"another issuer":         contoso.user(claims{"iss": "x", "groups": groupsOf(200)}),
		"a signature of another": swapSignature(good, contoso.user(nil)),
	} {
		b.Run(name, func(b *testing.B) {
			v := contoso.verifier(nil)
			b.ReportAllocs()
			for b.Loop() {
				if v.Verify(b.Context(), raw, now, nil).Reason == reason.None {
					b.Fatal("verified")
				}
			}
		})
	}
}

// golang-jwt before 5.2.2 split a mebibyte of dots into a million strings (CVE-2025-30204), and later versions still
// copy it.
func TestA1ALargeTokenCostsNothing(t *testing.T) {
	v := contoso.verifier(nil)
	for name, raw := range map[string]string{
		"a mebibyte of dots":    strings.Repeat(".", 1<<20),
		"a mebibyte of header":  strings.Repeat("A", 1<<20) + ".e30.AA",
		"32 KiB of dots":        strings.Repeat(".", MaxSize),
		"a header of 30 KiB":    strings.Repeat("A", 30<<10) + ".e30.AA",
		"an opaque token":       strings.Repeat("A", MaxSize),
		"a mebibyte of payload": plainHeader + "." + strings.Repeat("A", 1<<20) + ".AA",
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 100
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				v.Verify(t.Context(), raw, now, nil)
			}
			runtime.ReadMemStats(&after)
			if bytes := (after.TotalAlloc - before.TotalAlloc) / runs; bytes >= 4096 {
				t.Errorf("want less than 4 KiB, got %d bytes", bytes)
			}
		})
	}
}
