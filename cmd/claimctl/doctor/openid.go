package doctor

import (
	"context"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
)

// documentCheck is the question that askOpenID answers.
const documentCheck = "document and keys"

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
		ignored = append(ignored, "; "+key.ID+" is ignored: "+key.Ignored)
	}
	if !d.Live {
		return finding.Bad("is issuer written byte for byte as the provider's document names it?", "%s", d.Error)
	}
	return finding.Good("issuer %s, %d usable keys%s", d.Issuer, usable, strings.Join(ignored, ""))
}
