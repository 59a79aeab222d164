package keys

import (
	"fmt"
	"slices"

	"go.uber.org/zap"
)

// The log has a line for each change of state, not for each attempt. The caller of all that logs a flight holds mu.

// logFailing logs that a fetch failed or works again, once for each change.
func (p *Provider) logFailing(results []fetched) {
	failing := make([]bool, len(results))
	for i, result := range results {
		failing[i] = result.err != nil
	}
	before := p.failing
	p.failing = failing
	if slices.Equal(failing, before) {
		return
	}
	if !slices.Contains(failing, true) {
		p.log.Info("signing keys can be fetched again")
		return
	}
	var faults []string
	for _, result := range results {
		if result.err != nil {
			faults = append(faults, result.err.Error())
		}
	}
	p.log.Warn("signing keys cannot be fetched", zap.Strings("errors", faults), zap.Time("attempted_at", results[0].at))
}

// logChange logs in which keys a set differs from the one before it.
func (p *Provider) logChange(i int, d difference) {
	p.log.Info("signing keys changed", zap.String("version", string(p.editions[i].version)),
		zap.Strings("added", allShown(d.added)), zap.Strings("removed", allShown(d.removed)),
		zap.Strings("replaced", allShown(d.replaced)))
}

// logIgnored logs the keys of a set that are not used, once for each change. Published private key material is an alarm.
func (p *Provider) logIgnored(i int, ignored []KeyStatus) {
	if ignored == nil {
		return
	}
	text := fmt.Sprint(ignored)
	if text == p.alarms[i] {
		return
	}
	p.alarms[i] = text
	for _, key := range ignored {
		fields := []zap.Field{zap.String("version", string(p.editions[i].version)), zap.String("key_id", key.ID),
			zap.String("type", key.Type), zap.String("why", key.Ignored)}
		if key.Ignored == errLeaked.Error() {
			p.log.Error("the provider leaked a signing key", fields...)
			continue
		}
		p.log.Warn("signing key ignored", fields...)
	}
}
