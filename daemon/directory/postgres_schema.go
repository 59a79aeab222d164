package directory

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// postgresSchema is the version of the tables that this program makes and understands.
const postgresSchema = 1

// The keys of the advisory locks, which are those of one database. Whoever holds changeLock is the only one that makes
// a change, so that the order of the sequence is the order of the commits; migrateLock is held while tables are made.
const (
	migrateLock = 0x636c61696d640001
	changeLock  = 0x636c61696d640002
)

// postgresSteps lead from each version to the next; the first from nothing. What comes from a token is BYTEA: text of
// PostgreSQL holds no NUL, and its order is that of a language. Times are microseconds since 1970; 0 is never.
//
// Indexes hold no text that a token can make long, as an entry of an index has room for 2,704 bytes: digests stand for
// it.
var postgresSteps = [postgresSchema][]string{{
	`create table claimd.users (
		hash       bytea    not null check (octet_length(hash) = 16),
		authority  bytea    not null,
		id         bytea    not null,
		state      smallint not null check (state between 1 and 3), -- active, inactive, waiting
		provider   bytea    not null,
		app        boolean  not null default false,
		guest      boolean  not null default false,
		name       bytea    not null default '',
		email      bytea    not null default '',
		first_name bytea    not null default '',
		last_name  bytea    not null default '',
		client     bytea    not null default '',
		scopes     bytea    not null default '',
		admin      boolean  not null default false,
		refused    bytea    not null default '',
		first_seen bigint   not null default 0,
		last_seen  bigint   not null default 0,
		changed_by bytea    not null default '',
		changed_at bigint   not null default 0,
		claims     bytea    not null default '',
		primary key (hash) include (state))`,
	`create index users_seen on claimd.users (last_seen, hash, app, provider, state)`,
	`create index users_apps on claimd.users (last_seen, hash, provider, state) where app`,
	`create index users_id on claimd.users (` + digest("id") + `)`,
	`create index users_name on claimd.users (` + digest("name") + `) where name <> ''`,
	`create table claimd.held (
		hash   bytea    not null, -- of a user whose row is locked while it is written
		kind   smallint not null, -- 1 group, 2 role, 3 and 4 what named none of them
		name   bytea    not null,
		source smallint not null default 0)`, // claim, graph, default, local, from 1
	`create unique index held_of on claimd.held (hash, kind, ` + digest("name") + `)`,
	`create index held_by on claimd.held (kind, ` + digest("name") + `, hash)`,
	`create table claimd.changes (
		sequence  bigint   not null primary key,
		mark      bytea    not null, -- tells this change from another of the same sequence, made after a restore
		hash      bytea    not null,
		authority bytea    not null,
		id        bytea    not null,
		action    bytea    not null,
		before    smallint not null,
		after     smallint not null,
		by        bytea    not null,
		host      bytea    not null,
		at        bigint   not null)`,
	`create index changes_of on claimd.changes (hash, sequence)`,
}}

// digest is what an index holds in place of a text.
func digest(column string) string { return "substr(sha256(" + column + "), 1, 16)" }

// prepare makes the tables, or brings them to this version, once: later it costs nothing. It is asked again after a
// failure. Tables that are gone later are not made again, as then somebody restores them.
func (p *postgres) prepare(ctx context.Context) error {
	select {
	case p.preparing <- struct{}{}:
		defer func() { <-p.preparing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.prepared.Load() {
		return nil
	}
	version, err := p.version(ctx)
	if err == nil && version < postgresSchema {
		err = p.transaction(ctx, writeMode, p.migrate)
	}
	if err != nil {
		return err
	}
	p.prepared.Store(true)
	return nil
}

// version gives that of the tables; 0: there are none. Those of a newer program are refused.
func (p *postgres) version(ctx context.Context) (version int, err error) {
	err = p.transaction(ctx, readMode, func(ctx context.Context, tx pgx.Tx) error {
		version, err = p.versionIn(ctx, tx)
		return err
	})
	return version, err
}

func (p *postgres) versionIn(ctx context.Context, tx pgx.Tx) (version int, err error) {
	// The catalogue is read as any table is: to_regclass may answer from a cache that is older than the lock of migrate.
	var there bool
	err = tx.QueryRow(ctx, `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'claimd' and c.relname = 'version')`).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	if err := tx.QueryRow(ctx, `select version from claimd.version`).Scan(&version); err != nil {
		return 0, err
	}
	if version > postgresSchema {
		return 0, &Refusal{
			Problem: fmt.Sprintf("the tables at %s are of version %d: this claimd understands up to %d", p.place, version, postgresSchema),
			Hint:    "a newer claimd made them; install it here too, or restore a backup from before it",
		}
	}
	return version, nil
}

// migrate makes the steps that are missing, all or none; of two daemons that begin at once the second finds nothing to
// do.
func (p *postgres) migrate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(migrateLock)); err != nil {
		return err
	}
	version, err := p.versionIn(ctx, tx)
	if err != nil || version == postgresSchema {
		return err
	}
	if version == 0 {
		if err := firstTables(ctx, tx); err != nil {
			return err
		}
	}
	for _, step := range postgresSteps[version:] {
		for _, statement := range step {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(ctx, `update claimd.version set version = $1`, postgresSchema)
	return err
}

// firstTables makes the schema, unless an administrator made it, and the table of the version.
func firstTables(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, `select exists (select from pg_namespace where nspname = 'claimd')`).Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := tx.Exec(ctx, `create schema claimd`); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `create table claimd.version (version integer not null, identity bytea not null)`)
	if err != nil {
		return err
	}
	identity := make([]byte, 16)
	_, _ = rand.Read(identity) // it never fails
	_, err = tx.Exec(ctx, `insert into claimd.version values (0, $1)`, identity)
	return err
}
