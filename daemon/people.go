package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
)

// people answers administrators about the directory of users, by the configuration that serves.
type people struct {
	directory *directory.Directory // nil: a disabled configuration was started without
	serving   func() *Loaded
}

// people gives what administrators ask about users.
func (d *daemon) people() *people {
	return &people{directory: d.directory, serving: func() *Loaded { return d.reloader.state.Load().loaded }}
}

var errNoDirectory = errors.New("it could not be opened when claimd was started; mend that and restart claimd")

// settle waits a little until what was seen is written: whoever tries a token and looks right after finds it. A store
// that cannot be written to is no reason not to read it. The error says that there is no directory.
func (p *people) settle(ctx context.Context) error {
	if p.directory == nil {
		return errNoDirectory
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = p.directory.Flush(ctx)
	return nil
}

// users gives a page of users.
func (p *people) users(ctx context.Context, query directory.Query) (admin.UserPage, error) {
	if err := p.settle(ctx); err != nil {
		return admin.UserPage{}, err
	}
	page, err := p.directory.Users(ctx, query)
	if err != nil {
		return admin.UserPage{}, inWords(err)
	}
	shown := admin.UserPage{Users: make([]admin.User, len(page.Users)), Next: page.Next}
	declared := newDeclared(p.serving().Config)
	for i, user := range page.Users {
		shown.Users[i] = declared.show(user)
	}
	return shown, nil
}

// user gives all that is known of one user; of one who was forgotten, in the state unknown, what administrators did.
func (p *people) user(ctx context.Context, provider, id string) (admin.UserDetail, error) {
	key, err := p.whom(ctx, "show", provider, id, true)
	if err != nil {
		return admin.UserDetail{}, err
	}
	cfg := p.serving().Config
	user, changes, err := p.directory.User(ctx, key)
	if errors.Is(err, directory.ErrNotFound) && len(changes) > 0 {
		user, err = directory.User{Key: key, Provider: providerOf(cfg, key.Authority), NotBefore: p.directory.NotBefore(key.Hash())}, nil
	}
	if errors.Is(err, directory.ErrNotFound) {
		return admin.UserDetail{}, nobody(id)
	}
	if err != nil {
		return admin.UserDetail{}, inWords(err)
	}
	detail := admin.UserDetail{User: newDeclared(cfg).show(user), History: []admin.Change{}}
	if !detail.Gone {
		detail.Paste.Groups = pasteLines(cfg, directory.Groups, named(user.Provider, user.UnmatchedGroups))
		detail.Paste.Roles = pasteLines(cfg, directory.Roles, named(user.Provider, user.UnmatchedRoles))
	}
	for _, change := range changes {
		detail.History = append(detail.History, admin.Change{
			Action: change.Action, Before: change.Before, After: change.After,
			By: change.By, Host: change.Host, At: change.At,
		})
	}
	return detail, nil
}

// change makes a change; it leaves a line in the log once it is on disk (directory.Change).
func (p *people) change(ctx context.Context, request admin.ChangeRequest, by string) (admin.Changed, error) {
	unseen := request.Action == directory.Deactivate || request.Action == directory.Invite || request.Action == directory.Revoke
	key, err := p.whom(ctx, string(request.Action), request.Provider, request.ID, unseen)
	if err != nil {
		return admin.Changed{}, err
	}
	cfg := p.serving().Config
	if err := revocable(cfg, key.Authority, request.Action); err != nil {
		return admin.Changed{}, err
	}
	provider := providerOf(cfg, key.Authority)
	user, _, err := p.directory.User(ctx, key)
	if err != nil {
		user = directory.User{Key: key, Provider: provider} // never seen; else the change itself says what is the matter
	}
	change, changed, err := p.directory.Change(ctx, key, request.Action, provider, by)
	if err != nil {
		return admin.Changed{}, unsure(inWords(withCommand(err, provider, key)))
	}
	shown := newDeclared(cfg).show(user)
	var notBefore, passes time.Time
	undated := false
	if change.Action == directory.Revoke {
		notBefore = p.directory.NotBefore(key.Hash())
		passes = access.PassesFrom(cfg, key.Authority, notBefore)
		undated = slices.ContainsFunc(cfg.Providers, func(p config.Provider) bool { return p.IsOIDC() && p.Issuer == key.Authority })
	}
	return admin.Changed{
		NotBefore: notBefore, Passes: passes, Undated: undated,
		Changed: changed, Action: request.Action, Provider: provider, Key: key,
		User: user.User, Name: strings.TrimSpace(user.First + " " + user.Last),
		Before: change.Before, After: change.After,
		Blocked: shown.Blocked, Invite: cfg.Mapping.Invite, Shared: p.directory.Status().Store == "postgresql",
	}, nil
}

// revocable refuses to revoke users for good without saying so: whose tokens are all asked about at userinfo, which does not
// tell when they were issued, would never come in again.
func revocable(cfg *config.Config, authority string, action directory.Action) error {
	if action != directory.Revoke {
		return nil
	}
	timeless := ""
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		switch {
		case p.UserAuthority() != authority:
		case !p.Userinfo():
			return nil
		default:
			timeless = p.Name
		}
	}
	if timeless == "" {
		return nil
	}
	return refusalOf("provider."+timeless+" does not tell when a token was issued (opaque_tokens = \"userinfo\"), so that a new one would be refused like an old one",
		"revoke the user's tokens at the provider, which claimd asks again within 60 s; claimctl users deactivate keeps the user out at once")
}

// locals gives every local group, or role, in the order of the files, then those that users had and that are declared
// no longer.
func (p *people) locals(ctx context.Context, kind directory.Kind) ([]admin.Local, error) {
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	counts, err := p.directory.Held(ctx, kind)
	if err != nil {
		return nil, inWords(err)
	}
	byName := make(map[string]directory.Count, len(counts))
	for _, count := range counts {
		byName[count.Name] = count
	}
	locals := []admin.Local{}
	for _, local := range localsOf(p.serving().Config, kind) {
		count := byName[local.Name]
		delete(byName, local.Name)
		locals = append(locals, admin.Local{
			Name: local.Name, Declared: true, Label: local.Label, Values: local.Values, Providers: local.Providers,
			Users: count.Users, LastSeen: count.LastSeen,
		})
	}
	for _, count := range counts {
		if _, left := byName[count.Name]; left {
			locals = append(locals, admin.Local{Name: count.Name, Users: count.Users, LastSeen: count.LastSeen})
		}
	}
	return locals, nil
}

// unmatched gives the values that named nothing local, and the lines that declare them.
func (p *people) unmatched(ctx context.Context, limit int) (admin.Unmatched, error) {
	if err := p.settle(ctx); err != nil {
		return admin.Unmatched{}, err
	}
	values, err := p.directory.Unmatched(ctx, limit+1)
	if err != nil {
		return admin.Unmatched{}, inWords(err)
	}
	more := len(values) > limit
	values = values[:min(limit, len(values))]
	cfg := p.serving().Config
	return admin.Unmatched{
		Values: append([]directory.Unmatched{}, values...), More: more,
		Paste: admin.Paste{Groups: pasteLines(cfg, directory.Groups, values), Roles: pasteLines(cfg, directory.Roles, values)},
	}, nil
}

// judge gives every user with what the configuration that serves makes of him. It stays with one configuration.
func (p *people) judge(ctx context.Context, give func(admin.Judged) error) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	loaded := p.serving()
	replay := access.NewReplay(loaded.Config, loaded.Policy)
	return inWords(p.directory.Each(ctx, func(user directory.User) error {
		return give(admin.Judged{User: user, Now: replay.Judge(user)})
	}))
}

// withCommand writes the command in front of the hint of a refusal that names a way out.
func withCommand(err error, provider string, key directory.Key) error {
	refusal, ok := errors.AsType[*directory.Unwanted](err)
	if !ok || refusal.Way == "" {
		return err
	}
	hint := admin.Command(string(refusal.Way), provider, key) + " " + refusal.Hint
	return &directory.Refusal{Problem: refusal.Problem, Hint: hint}
}

// inWords puts what the directory answers into what the admin socket answers. Any other error stays as it is.
func inWords(err error) error {
	if refusal, ok := errors.AsType[*directory.Refusal](err); ok {
		return refusalOf(refusal.Problem, refusal.Hint)
	}
	return err
}

// unsure is inWords for a change: what is no refusal leaves open whether it was made.
func unsure(err error) error {
	if _, ok := errors.AsType[*admin.Refusal](err); ok {
		return err
	}
	return &admin.Refusal{
		Status: http.StatusServiceUnavailable, Problem: "it is not known whether the change was made: " + err.Error(),
		Hint: "make it again, which is safe; claimctl users show tells what holds",
	}
}

// refusalOf is the answer to what cannot be done as it was asked.
func refusalOf(problem, hint string) error {
	return &admin.Refusal{Status: http.StatusUnprocessableEntity, Problem: problem, Hint: hint}
}

// localsOf gives the local groups or roles of a configuration.
func localsOf(cfg *config.Config, kind directory.Kind) []config.Local {
	if kind == directory.Roles {
		return cfg.Roles
	}
	return cfg.Groups
}

// declared is what a configuration says of single users.
type declared struct {
	config   *config.Config
	accounts map[directory.Key]*config.ServiceAccount
	blocked  map[directory.Key]bool // and by the user claim, where that is no object ID
}

func newDeclared(cfg *config.Config) *declared {
	d := &declared{config: cfg, accounts: map[directory.Key]*config.ServiceAccount{}, blocked: map[directory.Key]bool{}}
	for i := range cfg.ServiceAccounts {
		account := &cfg.ServiceAccounts[i]
		key := keyOf(authorityOf(cfg, account.Provider), account.ObjectID)
		d.accounts[key] = account
		d.blocked[key] = d.blocked[key] || !account.Active
	}
	for _, user := range cfg.Users {
		if user.Blocked {
			d.blocked[keyOf(authorityOf(cfg, user.Provider), user.ID)] = true
		}
	}
	return d
}

// show adds to a user of the directory what the configuration says of him.
func (d *declared) show(user directory.User) admin.User {
	shown := admin.User{Known: user, Gone: providerOf(d.config, user.Key.Authority) == ""}
	if account := d.accounts[user.Key]; account != nil && user.App {
		shown.Account = account.Name
	}
	shown.Blocked = d.blocked[user.Key]
	i := slices.IndexFunc(d.config.Providers, func(p config.Provider) bool { return p.Name == user.Provider })
	if i >= 0 && !shown.Blocked {
		id, ok := strings.CutPrefix(user.User, d.config.Providers[i].UserPrefix)
		shown.Blocked = ok && id != "" && d.blocked[keyOf(user.Key.Authority, id)]
	}
	return shown
}
