package access

import "go.uber.org/zap"

// noteActors tells at level debug that a verified token speaks of somebody who acts for its subject, by the names of
// those claims alone. They have no say in who the caller is; whoever wonders why finds it here.
func (g *Gate) noteActors(j *judgement, id string) {
	if j.claims == nil {
		return
	}
	if names := j.claims.Actors(); names != nil {
		g.log.log.Debug("claims about somebody who acts for the caller are ignored",
			zap.Strings("claims", names), zap.String("provider", j.providerName()), zap.String("decision_id", id))
	}
}
