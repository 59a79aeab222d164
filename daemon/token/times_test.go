package token

import (
	"math/big"
	"testing"
	"time"
)

func TestD60Instants(t *testing.T) {
	for _, row := range []struct{ raw, want string }{
		{"0", "0.000000000"}, {"0.0", "0.000000000"}, {"0e999", "0.000000000"}, {"1", "1.000000000"},
		{"1800000000", "1800000000.000000000"}, {"1800000000.25", "1800000000.250000000"}, {"1.8e9", "1800000000.000000000"},
		{"18E8", "1800000000.000000000"}, {"1800000000000e-3", "1800000000.000000000"}, {"0.0018e+12", "1800000000.000000000"},
		{"1.9999999999", "1.999999999"}, {"5e-1", "0.500000000"}, {"1e-400", "0.000000000"}, {"123e-400", "0.000000000"},
		{"1099511627776", "1099511627776.000000000"}, {"1099511627775.9", "1099511627775.900000000"},
		{"10.995116277760e11", "1099511627776.000000000"},
		{"1099511627776.0000000001", "no"}, {"1099511627777", "no"}, {"9999999999999", "no"}, {"10000000000000", "no"},
		{"1e13", "no"}, {"1e308", "no"}, {"1e400", "no"}, {"1e99999999999999999999", "no"}, {"9223372036854775808", "no"},
		{"-1", "no"}, {"-0", "no"}, {"-1e308", "no"}, {"null", "no"}, {`"1"`, "no"}, {"true", "no"}, {"[1]", "no"}, {"{}", "no"},
		{"0.1e99999999999999999999", "no"}, {"1e-99999999999999999999", "0.000000000"},
	} {
		t.Run(row.raw, func(t *testing.T) {
			got := "no"
			if instant, ok := parseInstant([]byte(row.raw)); ok {
				got = new(big.Rat).SetFrac(
					new(big.Int).Add(new(big.Int).Mul(big.NewInt(instant.Unix()), big.NewInt(1e9)), big.NewInt(int64(instant.Nanosecond()))),
					big.NewInt(1e9)).FloatString(9)
			}
			if got != row.want {
				t.Errorf("want %s, got %s", row.want, got)
			}
		})
	}
}

// An exp of the far future would make a time that no JSON answer can hold.
func TestD63ExpiresStaysWithinFourDigitYears(t *testing.T) {
	far := times{expires: time.Unix(maxSeconds, 0)}
	if got := far.expiry(); got.UTC().Year() != 9999 {
		t.Errorf("want the year 9999, got %v", got)
	}
	if got := (times{expires: time.Unix(5, 999)}).expiry(); !got.Equal(time.Unix(5, 0)) {
		t.Errorf("want whole seconds, never later; got %v", got)
	}
}

func TestD65NoDateIsSpecial(t *testing.T) {
	for name, at := range map[string]int64{
		"the last second of 31-bit time": 1<<31 - 1, "the first after it": 1 << 31, "the leap second of 2016": 1483228800,
		"a change to summer time": 1806195600, "the year 2106": 1 << 32,
	} {
		t.Run(name, func(t *testing.T) {
			when := time.Unix(at, 0)
			span := times{expires: when.Add(time.Hour), notBefore: when, issued: when}
			if span.expired(when, 0) || span.notYetValid(when, 0) || span.contradict() {
				t.Error("want the token valid in its first second")
			}
			if end := when.Add(time.Hour); span.expired(end, 0) || !span.expired(end.Add(1), 0) {
				t.Error("want the token valid to its last second, and not longer")
			}
		})
	}
}
