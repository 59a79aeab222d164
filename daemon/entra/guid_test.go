package entra

import (
	"strings"
	"testing"
)

func TestGUIDForms(t *testing.T) {
	const lower = "6cab8f93-8e22-4947-80c3-c6ed549cb47a"
	tests := []struct {
		name, text string
		want       string // "" = no GUID
	}{
		{"lower case", lower, lower},
		{"upper case", strings.ToUpper(lower), lower},
		{"both cases", "6CAB8f93-8e22-4947-80C3-c6ed549cb47a", lower},
		{"zeros", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"},
		{"empty", "", ""},
		{"braces", "{" + lower + "}", ""},
		{"parentheses", "(" + lower + ")", ""},
		{"urn", "urn:uuid:" + lower, ""},
		{"without dashes", strings.ReplaceAll(lower, "-", ""), ""},
		{"blank before", " " + lower, ""},
		{"blank after", lower + " ", ""},
		{"line end after", lower + "\n", ""},
		{"cut short", lower[:35], ""},
		{"one digit too many", lower + "0", ""},
		{"a letter that is no digit", "g" + lower[1:], ""},
		{"a letter before the digits", "/" + lower[1:], ""},
		{"a full-width digit", "\uff16" + lower[3:], ""},
		{"a dash elsewhere", "6cab8f9-38e22-4947-80c3-c6ed549cb47a", ""},
		{"a dash for a digit", "-cab8f93-8e22-4947-80c3-c6ed549cb47a", ""},
		{"a blank for a dash", "6cab8f93 8e22-4947-80c3-c6ed549cb47a", ""},
		{"NUL at the end", lower[:35] + "\x00", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := GUID(test.text)
			if got != test.want || ok != (test.want != "") || IsGUID(test.text) != ok {
				t.Errorf("GUID(%q) = %q, %v and IsGUID %v; want %q", test.text, got, ok, IsGUID(test.text), test.want)
			}
			if equal := EqualGUID(test.text, lower); equal != (test.want == lower) {
				t.Errorf("EqualGUID(%q, %q) = %v", test.text, lower, equal)
			}
		})
	}
}

func TestWhatIsNoGUIDEqualsNothing(t *testing.T) {
	for _, text := range []string{"", "ada", "{6cab8f93-8e22-4947-80c3-c6ed549cb47a}"} {
		if EqualGUID(text, text) {
			t.Errorf("%q equals itself", text)
		}
	}
}

// Letters of other scripts that look like, or fold to, hexadecimal digits are none; each text has a GUID's 36 bytes.
func TestOnlyASCIIMakesAGUID(t *testing.T) {
	const guid = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
	for _, text := range []string{"\uff41" + guid[3:], "\u0430" + guid[2:], "\uff11" + guid[3:], guid[:34] + "\u0430"} {
		if len(text) != len(guid) || IsGUID(text) {
			t.Errorf("%q (%d bytes) passes for a GUID", text, len(text))
		}
	}
}

func TestPlaceholders(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"00000000-0000-0000-0000-000000000000", true},
		{"11111111-1111-1111-1111-111111111111", true},
		{"ffffffff-ffff-ffff-ffff-ffffffffffff", true},
		{"FFFFFFFF-ffff-FFFF-ffff-FFFFffffFFFF", true},
		{"00000000-0000-0000-0000-000000000001", false},
		{"d86ca749-105f-4f0a-a4f2-89c5ef275c2e", false},
		{"0", false},
		{"----", false},
		{"", false},
	}
	for _, test := range tests {
		if got := IsPlaceholder(test.text); got != test.want {
			t.Errorf("IsPlaceholder(%q) = %v, want %v", test.text, got, test.want)
		}
	}
}

func TestTheConsumerTenantIsAGUIDInLowerCase(t *testing.T) {
	if guid, ok := GUID(ConsumerTenant); !ok || guid != ConsumerTenant {
		t.Errorf("GUID(ConsumerTenant) = %q, %v", guid, ok)
	}
}
