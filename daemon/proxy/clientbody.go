package proxy

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// clientBody is the body of a request that tells whether it broke: chunks that are none, or an end before its end.
type clientBody struct {
	io.ReadCloser
	broke atomic.Bool // set by the transport, which may read on after it has given up
}

// Read implements io.Reader.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) {
		b.broke.Store(true)
	}
	return n, err
}
