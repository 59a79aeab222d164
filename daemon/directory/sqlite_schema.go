package directory

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks the file as a directory of claimd's, in the header of SQLite's format.
const applicationID = 0x636c6d64 // "clmd"

// sqliteSteps are the versions of the schema: each step makes one of the one before, in one transaction. None is ever
// changed once it was released.
//
// What decides at the start stands in tables that are read whole then: user and change. Times are microseconds since
// 1970, 0 = never. A sum is the CRC-32 (Castagnoli) over the columns of the row that can lie outside its page, as SQLite
// finds everything but damage there.
var sqliteSteps = []string{`
CREATE TABLE about (
	key   TEXT PRIMARY KEY NOT NULL,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE word (                 -- each name once
	id    INTEGER PRIMARY KEY,
	kind  INTEGER NOT NULL,         -- 0 a provider or a client, 1 group, 2 role, 3 unmatched group, 4 unmatched role
	scope INTEGER NOT NULL,         -- of what is unmatched: the provider; else 0
	text  TEXT NOT NULL,
	UNIQUE (kind, scope, text)
) STRICT;

CREATE TABLE user (
	id         INTEGER PRIMARY KEY,
	hash       BLOB NOT NULL UNIQUE,
	state      INTEGER NOT NULL,    -- 1 active, 2 inactive, 3 waiting
	app        INTEGER NOT NULL,
	provider   INTEGER NOT NULL,    -- word
	client     INTEGER NOT NULL,    -- word
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL
) STRICT;
CREATE INDEX user_seen ON user (app, state, last_seen, provider);

CREATE TABLE profile (
	user      INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
	authority TEXT NOT NULL,
	id        TEXT NOT NULL,
	name      TEXT NOT NULL,
	email     TEXT NOT NULL,
	first     TEXT NOT NULL,
	last      TEXT NOT NULL,
	scopes    TEXT NOT NULL,
	refused   TEXT NOT NULL,
	guest     INTEGER NOT NULL,
	admin     INTEGER NOT NULL,
	claims    TEXT NOT NULL,        -- a JSON object, or empty
	sum       INTEGER NOT NULL
) STRICT;
CREATE INDEX profile_id ON profile (id);
CREATE INDEX profile_name ON profile (name);

CREATE TABLE held (                 -- who has what
	user   INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
	word   INTEGER NOT NULL,
	source INTEGER NOT NULL,        -- 0 none, 1 claim, 2 graph, 3 default, 4 local
	PRIMARY KEY (user, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_word ON held (word, user);

CREATE TABLE decided (              -- whose state an administrator set
	user INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
	by   TEXT NOT NULL,
	at   INTEGER NOT NULL
) STRICT;

CREATE TABLE change (               -- never deleted from
	sequence  INTEGER PRIMARY KEY,
	hash      BLOB NOT NULL,
	authority TEXT NOT NULL,
	id        TEXT NOT NULL,
	action    TEXT NOT NULL,
	before    INTEGER NOT NULL,
	after     INTEGER NOT NULL,
	by        TEXT NOT NULL,
	host      TEXT NOT NULL,
	at        INTEGER NOT NULL,
	sum       INTEGER NOT NULL
) STRICT;
CREATE INDEX change_hash ON change (hash, sequence);
`}

// migrate brings the schema from its version to that of the last step. Killed at any moment it leaves one version or the
// next.
func migrate(ctx context.Context, db *sql.DB, version string, steps []string) error {
	var have int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&have); err != nil {
		return err
	}
	for i := have; i < len(steps); i++ {
		if err := migrateOne(ctx, db, i+1, version, steps[i]); err != nil {
			return fmt.Errorf("the schema cannot be brought to version %d: %w", i+1, err)
		}
	}
	return nil
}

func migrateOne(ctx context.Context, db *sql.DB, to int, version, step string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, step); err != nil {
		return err
	}
	// A PRAGMA takes no parameters; user_version and application_id are a part of the transaction.
	pragmas := fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, to)
	if _, err := tx.ExecContext(ctx, pragmas); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO about VALUES ('made_by', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
		version)
	if err != nil {
		return err
	}
	return tx.Commit()
}
