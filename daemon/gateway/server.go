package gateway

import (
	"net/http"
	"time"
)

// The limits of a door.
const (
	maxHeaderBytes = 48 << 10         // a token of 32 KiB and 16 KiB beside it; net/http answers 431 above
	headerTime     = 5 * time.Second  // for a whole request header to arrive
	idleTime       = 60 * time.Second // between two requests of one connection
)

// NewServer gives an http.Server with the limits of a door: header bytes (48 KiB), header time (5 s), idle (60 s). It
// speaks HTTP/1 alone, and leaves no request to net/http's own answers (OPTIONS *). ErrorLog is the caller's to set.
func NewServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		DisableGeneralOptionsHandler: true,
		MaxHeaderBytes:               maxHeaderBytes,
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
	}
}
