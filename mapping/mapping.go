// Package mapping turns the claims of a verified token into a local identity, exactly.
//
// Rules say which local groups and roles exist and which claim values name them. Compile checks the rules as a
// whole and gives a Policy; Policy.Provider(name).Map turns the claim values of one token into an Identity, and on
// request into a Trace that tells for every value what it matched, or nearly matched.
//
// The package is pure: no clock, no files, no network, no log. The same Policy and the same Claims give the same
// Identity and the same Trace, whatever the order of the values. A Policy is immutable and may be used by any number
// of goroutines.
//
// # Exact
//
// Exact means bytes: nothing is trimmed, normalised, split or folded, unless Rules.CaseSensitive is false; then group
// and role names (and nothing else) compare under Unicode simple case folding, as strings.EqualFold does. There are no
// wildcards. A value that differs from a declared one in a way that is hard to see matches nothing; the Trace says so
// (Near), and Compile gives a notice where a declared name is such that no token is likely to hold it.
//
// # Who gets what
//
// A value of the groups claim names groups, a value of the roles claim names roles; groups and roles are separate name
// spaces, and a caller that reads both from one claim passes the same Value for both. Rules.DefaultGroups and
// DefaultRoles go to every user; a User adds to one. An administrator is who has Provider.AdminValue in the admin
// claim or Provider.AdminGroup in the groups or the roles claim, byte for byte; defaults and User never make one.
// A ServiceAccount has what it declares, and roles of its token where Provider.RolesForApps; no defaults, and it is
// never an administrator. A right never outlives the claim that it came from: nothing is kept between calls.
package mapping
