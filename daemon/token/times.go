package token

import (
	"bytes"
	"strconv"
	"time"

	"github.com/claimd/claimd/daemon/reason"
)

// maxLifetime is more than Entra ID gives any access token: 60 to 90 minutes, and 20 to 28 hours with continuous access
// evaluation.
const maxLifetime = 29 * time.Hour

// maxSeconds is the last instant that a claim may name. What lies beyond is no time but an attack on arithmetic.
const maxSeconds = 1 << 40

// lastExpiry keeps Expires within the four-digit years of RFC 3339.
const lastExpiry = 253402300799

// times are the claims exp, nbf and iat, exact to the nanosecond; what is finer is cut off.
type times struct {
	expires, notBefore, issued time.Time // notBefore and issued are zero where absent
	unbounded                  bool      // the lifetime is the provider's to choose
	endless                    bool      // there is no exp, and none is wanted
}

// readTimes reads the three. Entra ID always writes them; any other provider must write exp (RFC 9068 section 2.2), and
// may leave out the others. endless: exp may be left out too. The reason is MissingClaim where one is absent, Malformed where one is no number from 0 to
// 2^40; name is the claim's.
func readTimes(c *Claims, oidc, endless bool) (t times, why reason.Reason, name string) {
	t.unbounded, t.endless = oidc, endless && c.raw("exp") == nil
	for _, claim := range []struct {
		name string
		into *time.Time
	}{{"exp", &t.expires}, {"nbf", &t.notBefore}, {"iat", &t.issued}} {
		raw := c.raw(claim.name)
		if raw == nil && oidc && (t.endless || claim.name != "exp") {
			continue
		}
		if raw == nil {
			return t, reason.MissingClaim, claim.name
		}
		var ok bool
		if *claim.into, ok = parseInstant(raw); !ok {
			return t, reason.Malformed, claim.name
		}
	}
	return t, reason.None, ""
}

// expired reports whether exp is more than the skew ago, in wall time.
func (t times) expired(now time.Time, skew time.Duration) bool {
	return !t.endless && now.Add(-skew).After(t.expires)
}

// notYetValid reports whether nbf or iat is further ahead than the skew.
func (t times) notYetValid(now time.Time, skew time.Duration) bool {
	latest := now.Add(skew)
	return t.notBefore.After(latest) || t.issued.After(latest)
}

// contradict reports whether the token was never valid, or is valid for longer than Entra ID makes any.
func (t times) contradict() bool {
	return !t.endless && t.notBefore.After(t.expires) || !t.unbounded && t.expires.Sub(t.issued) > maxLifetime
}

// dated is when the token says that it was issued: iat, or nbf where it has no iat; zero where it has neither.
func (t times) dated() time.Time {
	if t.issued.IsZero() {
		return t.notBefore
	}
	return t.issued
}

// expiry is exp in whole seconds, never later than exp itself; zero where there is none.
func (t times) expiry() time.Time {
	if t.endless {
		return time.Time{}
	}
	return time.Unix(min(t.expires.Unix(), lastExpiry), 0)
}

// parseInstant reads the raw value of a claim as a NumericDate (RFC 7519 section 2): seconds since 1970, any form of a
// JSON number, from 0 to 2^40. It calculates with the digits, since a float would be inexact, and overflow for some.
func parseInstant(raw []byte) (instant time.Time, ok bool) {
	if !isDigit(raw[0]) { // -0 is refused with the negative ones
		return time.Time{}, false
	}
	digits, point := decimal(raw)
	if point > 13 { // 2^40 has 13 digits
		return time.Time{}, false
	}
	seconds := digitsValue(digits, point-13, 13)
	if seconds > maxSeconds || seconds == maxSeconds && len(digits) > point {
		return time.Time{}, false
	}
	return time.Unix(seconds, digitsValue(digits, point, 9)), true
}

// decimal gives an unsigned JSON number as its significant digits, without zeros at either end, and the place of the
// decimal point among them: 0.digits times ten to the power of point. Zero has no digits.
func decimal(number []byte) (digits []byte, point int) {
	mantissa, exponent := number, 0
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		mantissa = number[:e]
		// Atoi gives the largest or the smallest int where the exponent is out of range; it is cut so that sums stay in
		// range.
		exponent, _ = strconv.Atoi(string(number[e+1:]))
		exponent = max(-1000, min(exponent, 1000))
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits = bytes.Join([][]byte{whole, fraction}, nil)
	significant := bytes.TrimLeft(digits, "0")
	point = len(whole) - (len(digits) - len(significant)) + exponent
	significant = bytes.TrimRight(significant, "0")
	if len(significant) == 0 {
		return nil, 0
	}
	return significant, point
}

// digitsValue gives the number that count digits from the place on make; before the first and after the last stand zeros.
func digitsValue(digits []byte, place, count int) (value int64) {
	for i := place; i < place+count; i++ {
		value *= 10
		if 0 <= i && i < len(digits) {
			value += int64(digits[i] - '0')
		}
	}
	return value
}
