package doctor

import (
	"cmp"
	"context"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
)

// documentCheck is the question that askOpenID answers.
const documentCheck = "document and keys"

// nameless stands for a key without an id.
const nameless = "a key without an id"

// askOpenID asks for the document and the keys of a provider that is not Entra ID, as claimd judges them.
func (v *visit) askOpenID(ctx context.Context) finding.Finding {
	d := v.judged(ctx).Documents[0]
	usable := 0
	var ignored []string
	for _, key := range d.Keys {
		if key.Ignored == "" {
			usable++
			continue
		}
		ignored = append(ignored, "; "+cmp.Or(key.ID, nameless)+" is ignored: "+key.Ignored)
	}
	switch {
	case d.Live:
		return finding.Good("issuer %s, %s%s", d.Issuer, count(usable, "usable key"), strings.Join(ignored, ""))
	case isOfDocument(d):
		return finding.Bad("is issuer written byte for byte as the provider's document names it?", "%s", d.Error)
	}
	return finding.Bad("without keys every request is answered 503 keys_unavailable: ask who runs the provider", "%s", d.Error)
}
