package access

import (
	"strings"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/token"
)

// adviseState tells who keeps the caller out: the configuration, an administrator, or that nobody has invited him.
func (j *judgement) adviseState() advice {
	if j.person == nil {
		return j.adviseBlocked()
	}
	who := "the user " + quoted(j.person.key.ID)
	if j.claims.Caller == token.AppOnly {
		who = "the service account " + j.claims.ObjectID
	}
	switch j.standing {
	case deactivated:
		id := shellWord(j.offID())
		return advice{
			why:  who + " was switched off with claimctl users deactivate; claimctl users show " + id + " tells when and by whom",
			mend: "claimctl users activate " + id + ", if that no longer holds",
		}
	case uninvited:
		return advice{
			why:  `sign_up = "invite" is set under [mapping], and ` + who + " waits for an invitation",
			mend: "claimctl users activate " + shellWord(j.person.key.ID) + " lets the user in",
		}
	}
	return j.adviseBlocked()
}

// offID gives the id under which the directory has the caller switched off.
func (j *judgement) offID() string {
	if d := j.provider.directory; d != nil && j.person.other != j.person.hash && d.State(j.person.hash) != directory.Inactive {
		return j.id
	}
	return j.person.key.ID
}

func (j *judgement) adviseBlocked() advice {
	if j.claims.Caller == token.AppOnly {
		return advice{
			why:  "the [[service_account]] with object_id " + j.claims.ObjectID + " has active = false",
			mend: "set active = true at that [[service_account]]",
		}
	}
	id := j.id
	if _, off := j.provider.off[stateKey(j.provider.config, id)]; !off {
		id = j.claims.ObjectID
	}
	return advice{
		why:  "the [[user]] with id " + quoted(id) + " has blocked = true",
		mend: "set blocked = false at that [[user]]",
	}
}

// shellWord writes a claim value so that a shell takes it as one word, as far as it can be typed at all.
func shellWord(value string) string {
	value = cleanTo(value, maxQuoted)
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.:@/+,%", r)
	}
	if value != "" && value[0] != '-' && strings.TrimFunc(value, plain) == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
