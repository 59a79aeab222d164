package access

import (
	"crypto/sha256"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/opaque"
)

// KeptBytes is the usual bound on what verified identities take between requests, in bytes: some 9,500 in five groups
// each, or 1,000 in 200. The collector lets the heap grow to twice what lives and a bit; claimd stays under 64 MiB with it.
const KeptBytes = 12 << 20

// keptOverhead is what one kept identity takes beside its strings: the key, the cache's node, the structs. A test
// measures it.
const keptOverhead = 640

// leaseWeight is what a kept lease takes: three times and the address of the endpoint, which is the document's.
const leaseWeight = 96

// keptKey is the SHA-256 of a whole token, signature included.
type keptKey [sha256.Size]byte

// keyOf hashes by pieces: Sum256 wants bytes, and would have every request leave a copy of its token on the heap.
func keyOf(token string) (key keptKey) {
	hash := sha256.New()
	var piece [512]byte
	for token != "" {
		n := copy(piece[:], token)
		hash.Write(piece[:n]) // never fails
		token = token[n:]
	}
	hash.Sum(key[:0])
	return key
}

// keptIdentity is a verified identity with its rendered headers. It holds no verdict on the request or on the user's
// state: those are asked for again at each hit. It is never changed, but for touched.
type keptIdentity struct {
	identity *Identity
	headers  []Field
	provider *provider
	objectID string         // oid, for the user's state
	hash     directory.Hash // likewise, and other: of person
	other    directory.Hash
	invited  bool          // see judgement.invited
	changes  uint64        // of the provider's keys, read before the token was verified
	verified time.Time     // wall clock; a clock that was set back behind it makes nothing valid
	issued   time.Time     // see token.Claims
	lease    *opaque.Lease // of what a provider said of a token that is no JWT; nil: the token said it itself
	answer   *graph.Answer // what Microsoft Graph said of the groups, for its end alone; nil: they were in the token
	touched  atomic.Int64  // the minute in which the directory was told last that the user came
}

// holds reports whether verifying the token again at now could only give the same identity: the wall clock stands
// between the verification and exp with the skew that the verifier allows too, the key set is as it was and alive, and
// nobody switched the user off or revoked the token; what Microsoft Graph said still counts, and so does what the provider
// said of a token that is no JWT, which its endpoint of now would be asked again; and that the directory does
// not ask for what the token tells of the user.
func (k *keptIdentity) holds(now time.Time) bool {
	wall := now.Round(0)
	return !wall.Before(k.verified) &&
		!wall.After(k.identity.Expires.Add(k.provider.config.ClockSkew)) &&
		k.provider.keys.Changes() == k.changes &&
		!k.provider.switchedOff(k.identity.ID, k.objectID) &&
		(k.answer == nil || k.answer.Holds(now)) &&
		(k.lease == nil || k.provider.asker != nil && k.provider.asker.Holds(k.lease, now)) &&
		k.welcome()
}

func (k *keptIdentity) welcome() bool {
	d := k.provider.directory
	return d == nil || standingOf(stateOf(d, k.hash, k.other), k.invited) == welcome && !d.Wants(k.hash) &&
		!refusedAt(k.issued, revokedUntil(d, k.hash, k.other), k.provider.config.ClockSkew)
}

// touch tells the directory once a minute that the user came again.
func (k *keptIdentity) touch(now time.Time) {
	d := k.provider.directory
	if d == nil {
		return
	}
	minute := minuteOf(now)
	if last := k.touched.Load(); last != minute && k.touched.CompareAndSwap(last, minute) {
		d.Touch(k.hash, now, k.identity.ClientID)
	}
}

func minuteOf(now time.Time) int64 { return now.Unix() / 60 }

func (k *keptIdentity) weight() uint32 {
	i := k.identity
	size := keptOverhead + i.marks.weight() + len(i.ID) + len(i.User) + len(i.Email) + len(i.FirstName) + len(i.LastName) +
		len(i.ClientID) + len(i.Scopes)
	// The names of groups and roles are those of the configuration: only their headers (16 bytes) are this identity's.
	size += 16 * (len(i.Groups) + len(i.Roles))
	if k.answer != nil {
		size += 64
	}
	if k.lease != nil {
		size += leaseWeight
	}
	for _, field := range k.headers {
		size += 32 + len(field.Value)
	}
	return uint32(size)
}

// kept holds the verified identities of one Snapshot, from the time that a Gate judges on it until the Gate has another:
// what a request that never ends (a tunnel through the proxy) holds of an old Snapshot must not be a second full cache.
// Outside of that time, as its zero value, it keeps nothing. All methods may be called at once. Without an expiry of its
// own the cache runs no goroutine that would have to be stopped.
type kept struct {
	cache atomic.Pointer[otter.Cache[keptKey, *keptIdentity]]
}

func newKept(bytes uint64) *kept {
	k := new(kept)
	k.open(bytes)
	return k
}

// open begins to keep, up to that many bytes.
func (k *kept) open(bytes uint64) {
	k.cache.Store(otter.Must(&otter.Options[keptKey, *keptIdentity]{
		MaximumWeight: bytes,
		Weigher:       func(_ keptKey, k *keptIdentity) uint32 { return k.weight() },
		Executor:      func(task func()) { task() }, // the cache's own upkeep: waking another thread for it costs more
	}))
}

// drop lets go of all that is kept, and keeps no more.
func (k *kept) drop() { k.cache.Store(nil) }

// find gives the identity kept under the key while it holds; nil = the token must be verified.
func (k *kept) find(key keptKey, now time.Time) *keptIdentity {
	cache := k.cache.Load()
	if cache == nil {
		return nil
	}
	found, ok := cache.GetIfPresent(key)
	if !ok || !found.holds(now) {
		return nil
	}
	return found
}

func (k *kept) keep(key keptKey, identity *keptIdentity) {
	if cache := k.cache.Load(); cache != nil {
		cache.Set(key, identity)
	}
}

// size gives how many identities are kept, and the bytes that they take.
func (k *kept) size() (count int, bytes uint64) {
	cache := k.cache.Load()
	if cache == nil {
		return 0, 0
	}
	return cache.EstimatedSize(), cache.WeightedSize()
}
