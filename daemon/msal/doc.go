// Package msal drives Microsoft's own clients, as they are, against the fake tenant, and shows the tokens that they get to
// claimd: MSAL for Go, and MSAL for Node.js, which `make node-modules` installs. It holds tests only.
package msal
