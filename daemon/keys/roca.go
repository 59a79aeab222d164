package keys

import "math/big"

// rocaPrimes are the odd primes up to 167: the divisors of the number that the flawed generator starts from, common to
// all its key sizes.
var rocaPrimes = [...]int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}

// isROCA reports whether the modulus has the mark of the flawed generator of CVE-2017-15361, whose keys can be
// factored: its primes are powers of 65537 modulo each of the small primes, and so is their product. A sound modulus
// has the mark once in a hundred million times.
func isROCA(modulus *big.Int) bool {
	var prime, rest big.Int
	for _, p := range rocaPrimes {
		prime.SetInt64(p)
		if !isPowerOf65537(rest.Mod(modulus, &prime).Int64(), p) {
			return false
		}
	}
	return true
}

// isPowerOf65537 reports whether n is a power of 65537 modulo the prime p.
func isPowerOf65537(n, p int64) bool {
	power := int64(1)
	for {
		if power == n {
			return true
		}
		power = power * 65537 % p
		if power == 1 {
			return false
		}
	}
}
