package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// sampleAPI is the API behind claimd: it answers with the identity that it was told, as JSON. It knows nothing of tokens.
func sampleAPI() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := make(map[string]string)
		for name, values := range r.Header {
			if strings.HasPrefix(name, "Remote-") || name == "Authorization" {
				told[name] = strings.Join(values, ", ")
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(told) // the client is gone: nobody is left to tell
	})
}
