package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Unwanted is a Refusal that says nothing about the store: the directory does not make such a change.
type Unwanted struct {
	Refusal
	// Way is what is to be done to the same user instead: the Hint goes on where its command ends, which whoever shows it
	// writes, as he knows the names of providers. "": the Hint stands alone.
	Way Action
}

func (u *Unwanted) Error() string { return u.Problem }

// Unwrap gives the *Refusal.
func (u *Unwanted) Unwrap() error { return &u.Refusal }

// decide gives the state after the action; before is Unknown where the store has no row. The error is errSame or
// Unwanted. Both stores ask it, inside the transaction that makes the change.
func decide(before State, action Action) (after State, err error) {
	switch action {
	case Activate:
		if before == Unknown {
			return before, &Unwanted{Refusal: Refusal{
				Problem: "the directory knows nobody of that id",
				Hint:    "lets somebody in who has not called yet",
			}, Way: Invite}
		}
		after = Active
	case Invite:
		if before == Inactive {
			return before, &Unwanted{Refusal: Refusal{
				Problem: "he is inactive: an invitation does not let him in",
				Hint:    "does",
			}, Way: Activate}
		}
		after = Active
	case Deactivate:
		after = Inactive
	case Forget:
		if before == Inactive {
			return before, &Unwanted{Refusal: Refusal{
				Problem: "he is inactive: forgotten, he could come in again",
				Hint:    "first, if that is what you want",
			}, Way: Activate}
		}
		after = Unknown
	case Revoke:
		return before, nil // it is no change of the state: what it does is to stand on record
	default:
		return before, &Unwanted{Refusal: Refusal{
			Problem: fmt.Sprintf("%q is nothing that can be done to a user", string(action)),
			Hint:    "activate, deactivate, invite, forget or revoke",
		}}
	}
	if after == before {
		return after, errSame
	}
	return after, nil
}

// Change makes a change that an administrator asks for. When it returns nil the change is on disk, is in memory, and
// stays. changed is false where the state was so already. The error is a *Refusal where it was not made, with words that
// name the way out (no space left, PostgreSQL is read-only; or an *Unwanted, which holds one); any other error says that it is not known.
func (d *Directory) Change(ctx context.Context, key Key, action Action, provider, by string) (change Change, changed bool, err error) {
	if refusal := d.writable(); refusal != nil {
		return Change{}, false, refusal
	}
	hash := key.Hash()
	change = Change{
		Key: key, Action: action, By: by, Host: d.host,
		At: d.now().UTC().Truncate(time.Microsecond), // what both stores keep of it
	}
	if action != Deactivate && action != Revoke { // which wait for nothing; he may have been seen a moment ago, and not be written yet
		d.recorder.hurry(ctx, hash)
	}
	if action == Forget { // what is on its way would bring him back
		release, err := d.recorder.hold(ctx, hash)
		if err != nil {
			return Change{}, false, err
		}
		defer release()
		defer d.recorder.lost(hash)
	}
	since := d.states.open()
	defer d.states.close(since)
	change, err = d.store.change(ctx, change, provider)
	if errors.Is(err, errSame) {
		d.states.settle(since, map[Hash]State{hash: change.After})
		return change, false, nil
	}
	if refusal, ok := errors.AsType[*Unwanted](err); ok {
		return Change{}, false, refusal
	}
	if err != nil {
		d.failed(err)
		return Change{}, false, err
	}
	d.problems.set(writing, nil)
	if action == Revoke {
		d.noteRevoked(change)
	} else {
		d.states.apply(change)
	}
	d.log.Info("the state of a user was changed", zap.String("action", string(action)),
		zap.String("provider", provider), zap.String("authority", key.Authority), zap.String("id", key.ID), zap.Stringer("before", change.Before),
		zap.Stringer("after", change.After), zap.String("by", by), zap.Uint64("sequence", change.Sequence))
	return change, true, nil
}
