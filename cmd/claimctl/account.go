package main

import (
	"cmp"
	"errors"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/config"
)

func (t *tool) userFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.user, "user", "", "judge owners and permissions as if this user ran claimd")
}

// reading tells how the files are read where no daemon is asked: as the daemon would, as far as claimctl can know.
func (t *tool) reading() (config.ReadOptions, error) {
	as, err := t.account()
	return config.ReadOptions{As: as, Credentials: os.Getenv("CREDENTIALS_DIRECTORY"), Outside: true}, err
}

// account gives the user that the files are judged for: that of --user, else for root the user that claimd runs as,
// if this host has it; nil is the caller. Who is not root sees by reading what may be read, and judges for himself.
func (t *tool) account() (*config.Account, error) {
	if t.user == "" && os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := lookUp(cmp.Or(t.user, t.service))
	_, unknownName := errors.AsType[user.UnknownUserError](err)
	_, unknownID := errors.AsType[user.UnknownUserIdError](err)
	uid, notNumber := strconv.ParseUint(t.user, 10, 31)
	switch {
	case err == nil:
		return accountOf(found)
	case t.user == "" && unknownName:
		return nil, nil
	case unknownID && notNumber == nil:
		return &config.Account{UID: int(uid), GID: config.NoGroup}, nil // a container may have such users
	case unknownName:
		return nil, &failure{code: exitUsage, text: "--user: this host has no user " + strconv.Quote(t.user), hint: "name a user, or a uid"}
	}
	return nil, &failure{code: exitUnknown, text: "the user that claimd runs as cannot be looked up: " + err.Error()}
}

// lookUp finds a user by name, else by uid.
func lookUp(name string) (*user.User, error) {
	found, err := user.Lookup(name)
	if err == nil {
		return found, nil
	}
	if _, notNumber := strconv.ParseUint(name, 10, 31); notNumber == nil {
		return user.LookupId(name)
	}
	return nil, err
}

func accountOf(found *user.User) (*config.Account, error) {
	ids, err := found.GroupIds()
	if err != nil {
		return nil, &failure{code: exitUnknown, text: "the groups of " + found.Username + " cannot be looked up: " + err.Error()}
	}
	account := &config.Account{Name: found.Username}
	if account.UID, err = strconv.Atoi(found.Uid); err != nil {
		return nil, err
	}
	if account.GID, err = strconv.Atoi(found.Gid); err != nil {
		return nil, err
	}
	if group, err := user.LookupGroupId(found.Gid); err == nil {
		account.Group = group.Name
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil {
			account.Groups = append(account.Groups, gid)
		}
	}
	return account, nil
}

// mended says of files that the caller alone may not read what is to do about it: the files are right as they are, if he
// is not the user that claimd runs as.
func (t *tool) mended(faults config.Faults) config.Faults {
	if found, err := user.Lookup(t.service); os.Geteuid() == 0 || err == nil && found.Uid == strconv.Itoa(os.Geteuid()) {
		return faults
	}
	for i := range faults {
		if faults[i].Unreadable {
			faults[i].Hint = "run claimctl as root"
		}
	}
	return faults
}
