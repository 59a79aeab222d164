package gateway

// Where a character may stand in what the Front recognises. No set holds more than net/http takes there.
const (
	inName  = 1 << iota // of a field: a token (RFC 9110 section 5.6.2)
	inValue             // of a field: visible ASCII, blank and tab
	inHost              // a name or an address, and a port
	inPath              // without percent signs, which would have to be decoded
)

// characters is never written to.
var characters = charactersOf(map[uint8]string{
	inName:  letters + "!#$%&'*+-.^_`|~",
	inValue: letters + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t",
	inHost:  letters + "-._:[]",
	inPath:  letters + "-._~!$&'()*+,;=:@/",
})

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func charactersOf(sets map[uint8]string) (table [256]uint8) {
	for place, set := range sets {
		for i := range len(set) {
			table[set[i]] |= place
		}
	}
	return table
}
