package directory

import (
	"errors"
	"strings"
	"testing"
)

func TestAURLOfADatabaseIsTakenApart(t *testing.T) {
	for _, test := range []struct {
		text string
		want postgresURL
	}{
		{"postgres://claimd:pw@127.0.0.1/claimd", postgresURL{"127.0.0.1", 5432, "claimd", "claimd", "pw", false, ""}},
		{"postgresql://claimd:pw@localhost:5433/claimd\n", postgresURL{"localhost", 5433, "claimd", "claimd", "pw", false, ""}},
		{"postgres://claimd:pw@[::1]/claimd?sslmode=disable", postgresURL{"::1", 5432, "claimd", "claimd", "pw", false, ""}},
		{"postgres://claimd:pw@db.contoso.com/claimd", postgresURL{"db.contoso.com", 5432, "claimd", "claimd", "pw", true, ""}},
		{"postgres://claimd:pw@db.contoso.com/claimd?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem",
			postgresURL{"db.contoso.com", 5432, "claimd", "claimd", "pw", true, "/etc/ssl/db.pem"}},
		{"postgres://claimd:pw@db/claimd?sslrootcert=system", postgresURL{"db", 5432, "claimd", "claimd", "pw", true, ""}},
		{"postgres://claimd:pw@127.0.0.1/claimd?sslmode=verify-full", postgresURL{"127.0.0.1", 5432, "claimd", "claimd", "pw", true, ""}},
		{"postgres://claimd@/claimd?host=/run/postgresql", postgresURL{"/run/postgresql", 5432, "claimd", "claimd", "", false, ""}},
		{"postgres://claimd@:5433/claimd?host=/run/postgresql/", postgresURL{"/run/postgresql", 5433, "claimd", "claimd", "", false, ""}},
		{"postgres://a%40b:s3cr%2Ft%20p%40ss%3Aw%3Frd%23%25@10.1.2.3/claims%20of%20us",
			postgresURL{"10.1.2.3", 5432, "claims of us", "a@b", "s3cr/t p@ss:w?rd#%", true, ""}},
	} {
		got, refusal := parsePostgresURL(test.text)
		if refusal != nil || *got != test.want {
			t.Errorf("%s: got %+v, %v, want %+v", test.text, got, refusal, test.want)
		}
	}
}

const canaryPassword = "kEEp-me"

func TestWhatAURLOfADatabaseMayNotSayIsRefusedInWords(t *testing.T) {
	const (
		apart    = "the URL of the database cannot be taken apart"
		ssl      = `the parameter sslmode in the URL of the database is `
		notTaken = ", which is not taken"
	)
	for _, test := range []struct{ text, want string }{
		{"", "the URL of the database does not begin with postgres://"},
		{"host=db user=claimd password=kEEp-me", "the URL of the database does not begin with postgres://"},
		{"mysql://claimd:kEEp-me@db/claimd", "the URL of the database does not begin with postgres://"},
		{" postgres://claimd:kEEp-me@db/claimd", "the URL of the database does not begin with postgres://"},
		{"postgres://claimd:kEEp-me/x@db/claimd", apart},
		{"postgres://claimd:x@kEEp-me@db/claimd", apart},
		{"postgres://claimd:x@y?kEEp-me=1@db/claimd", apart},
		{"postgres://claimd:x#kEEp-me@db/claimd", apart},
		{"postgres://claimd:%zzkEEp-me@db/claimd", apart},
		{"postgres://claimd:kEEp-me@db:port/claimd", apart},
		{"postgres://claimd:kEEp-me@db/claimd#x", apart},
		{"postgres://claimd:kEEp me@db/claimd", apart},
		{"postgres://claimd:kEEp-me@db1:5432,db2:5432/claimd", "the URL of the database has no host that can be: want one name or address"},
		{"postgres://db/claimd", "the URL of the database names no user"},
		{"postgres://:kEEp-me@db/claimd", "the URL of the database names no user"},
		{"postgres://claimd:kEEp-me@db", "the URL of the database names no database"},
		{"postgres://claimd:kEEp-me@db/", "the URL of the database names no database"},
		{"postgres://claimd:kEEp-me@db/a/b", "the URL of the database names no database"},
		{"postgres://claimd:kEEp-me%00@db/claimd", "the URL of the database holds a NUL"},
		{"postgres://claimd:kEEp-me@db:0/claimd", "the URL of the database has no port that can be: want 1 to 65535"},
		{"postgres://claimd:kEEp-me@db:65536/claimd", "the URL of the database has no port that can be: want 1 to 65535"},
		{"postgres://claimd:kEEp-me@/claimd", "the URL of the database names no host"},
		{"postgres://claimd:kEEp-me@db1,db2/claimd", "the URL of the database has no host that can be: want one name or address"},
		{"postgres://claimd:kEEp-me@db/claimd?host=/run", "the URL of the database names a host twice"},
		{"postgres://claimd:kEEp-me@/claimd?host=db", "the parameter host in the URL of the database is no absolute path"},
		{"postgres://claimd:kEEp-me@/claimd?host=/run&sslmode=verify-full", "the URL of the database asks for TLS on a unix socket"},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=disable", ssl + `"disable": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=allow", ssl + `"allow": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=prefer", ssl + `"prefer": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=require", ssl + `"require": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@10.1.2.3/claimd?sslmode=verify-ca", ssl + `"verify-ca": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@localhost.contoso.com/claimd?sslmode=disable", ssl + `"disable": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=", ssl + `"": want verify-full for another host`},
		{"postgres://claimd:kEEp-me@localhost/claimd?sslmode=require", ssl + `"require": want disable or verify-full`},
		{"postgres://claimd:kEEp-me@localhost/claimd?sslrootcert=/x", "the URL of the database has sslrootcert where there is no TLS"},
		{"postgres://claimd:kEEp-me@db/claimd?sslrootcert=x.pem", "the parameter sslrootcert in the URL of the database is no absolute path"},
		{"postgres://claimd:kEEp-me@db/claimd?sslmode=verify-full&sslmode=disable", `the URL of the database has the parameter "sslmode" twice`},
		{"postgres://claimd:kEEp-me@db/claimd?sslMode=disable", `the URL of the database has the parameter "sslMode"` + notTaken},
		{"postgres://claimd@db/claimd?password=kEEp-me", `the URL of the database has the parameter "password"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?service=x", `the URL of the database has the parameter "service"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?passfile=/x", `the URL of the database has the parameter "passfile"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?options=-c%20fsync=off", `the URL of the database has the parameter "options"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?pool_max_conns=1", `the URL of the database has the parameter "pool_max_conns"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?sslcert=/x", `the URL of the database has the parameter "sslcert"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?synchronous_commit=off", `the URL of the database has the parameter "synchronous_commit"` + notTaken},
		{"postgres://claimd:kEEp-me@db/claimd?a;b", "what stands after the ? in the URL of the database cannot be taken apart"},
	} {
		refusal, ok := errors.AsType[*Refusal](CheckURL(test.text))
		if !ok || refusal.Problem != test.want || refusal.Hint == "" {
			t.Errorf("%s: got %+v, want %s", test.text, refusal, test.want)
			continue
		}
		if strings.Contains(refusal.Problem+refusal.Hint, canaryPassword) {
			t.Errorf("%s: the words hold the password: %+v", test.text, refusal)
		}
	}
}

func TestThePlaceOfADatabaseNamesNoUser(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://claimd:kEEp-me@db/claimd":            "db:5432/claimd",
		"postgres://claimd:kEEp-me@[2001:db8::1]:5433/x": "[2001:db8::1]:5433/x",
		"postgres://claimd@/claimd?host=/run/postgresql": "/run/postgresql:5432/claimd",
	} {
		u, refusal := parsePostgresURL(text)
		if refusal != nil || u.place() != want {
			t.Errorf("%s: got %v, %v, want %s", text, u, refusal, want)
		}
	}
}

// Whatever stands in a URL: its password is in no word of a refusal, and what is taken is what was written.
func FuzzTheWordsOnAURLHoldNoPassword(f *testing.F) {
	for _, text := range []string{"@db/claimd", "/x@db/claimd", "?x=1@db/claimd", "#@db/claimd", "@db/claimd?x=1", "@db,db2/claimd?sslmode=allow", ":5/x@db/c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		err := CheckURL("postgres://claimd:" + canaryPassword + rest)
		if err == nil || strings.Count(rest, canaryPassword) > 0 {
			return
		}
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok || strings.Contains(refusal.Problem+refusal.Hint, canaryPassword) {
			t.Errorf("%q: %v", rest, err)
		}
	})
}
