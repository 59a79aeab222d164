// Package soak runs the real claimd, as a process of its own, under load while its files, its keys and its provider
// change and fail. It holds tests only.
//
// Each test has a short form, which is part of make test, and a long one: `make soak`, or go test with -soak=DURATION or
// the environment's SOAK=DURATION. Both run the same code and hold the same assertions.
package soak
