// Package gatewaytest runs the gateways of etc/gateways, with the files as they are shipped, in front of a real claimd and
// an API that counts. It holds tests only.
//
// nginx, Apache, HAProxy and Caddy are the programs of this host. Traefik and Envoy are played by the test: it asks claimd
// as their documentation says they do.
package gatewaytest
