package token

import (
	"bytes"
	"testing"
)

// plainLength looks at eight bytes at once. A borrow that went to the wrong side would have it pass over a quote, a
// backslash or a control, and a string would not end where it ends for every other reader.
func TestAStringEndsAtItsFirstQuoteBackslashOrControl(t *testing.T) {
	naive := func(text []byte) int {
		for i, b := range text {
			if b < ' ' || b == '"' || b == '\\' {
				return i
			}
		}
		return len(text)
	}
	fillings := []byte{' ', '!', '#', 'a', '[', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff}
	for length := range 20 {
		for _, filling := range fillings {
			text := bytes.Repeat([]byte{filling}, length)
			if got, want := plainLength(text), naive(text); got != want {
				t.Fatalf("%q: want %d, got %d", text, want, got)
			}
			for at := range length {
				for value := range 256 {
					text[at] = byte(value)
					if got, want := plainLength(text), naive(text); got != want {
						t.Fatalf("%q: want %d, got %d", text, want, got)
					}
					if at+1 < length { // what follows may be anything
						text[at+1] = '"'
						if got, want := plainLength(text), naive(text); got != want {
							t.Fatalf("%q: want %d, got %d", text, want, got)
						}
						text[at+1] = filling
					}
				}
				text[at] = filling
			}
		}
	}
}
