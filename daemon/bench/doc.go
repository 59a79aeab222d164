// Package bench measures what claimd costs, as the processor time of the whole server process for one request, side by
// side in one run with a bare net/http handler that answers with the same headers. It holds nothing but tests:
//
//	make bench             measures for some minutes, and fails where a ratio is over 1.25 times the recorded one
//	make bench RECORD=1    measures, and writes the ratios to recorded.json
//
// Processor time swings far less than rates where others use the same cores; the rates are printed beside it. A ratio
// compares two servers that answered the very same requests within the same seconds: rounds of the one and of the other
// take turns, and the median of the rounds' ratios counts.
//
// Both servers get what a gateway asks at /auth: one GET on one of several kept connections over loopback, with a token
// of 5 groups (1.7 KB), all of them local, or of 200 (12 KB), of which 20 are. claimd is the program that `make build`
// makes, with a configuration of 20 groups and a tenant that publishes its keys.
package bench
