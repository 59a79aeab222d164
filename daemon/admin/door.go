package admin

import (
	"context"
	"net"
	"sync"
)

// standing is what a connection may do.
type standing uint8

const (
	stranger standing = iota // another user: is told so, and no more
	surplus                  // an administrator, while all places are taken: is told so, and no more
	admitted
)

// door accepts connections and gives each its standing. Those that are only told no have few places of their own, so
// that they can neither take an administrator's place nor pile up; beyond these, connections are closed at once.
type door struct {
	net.Listener
	places  chan struct{} // of administrators
	refused chan struct{} // of those that are told no
}

func newDoor(l net.Listener, admins, refused int) *door {
	return &door{Listener: l, places: make(chan struct{}, admins), refused: make(chan struct{}, refused)}
}

// Accept gives the next connection that has a place.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if v := d.place(conn); v != nil {
			return v, nil
		}
		conn.Close()
	}
}

// place finds a place for the connection; nil if there is none.
func (d *door) place(conn net.Conn) *visitor {
	who, err := peerOf(conn)
	standing := surplus
	if err != nil || !trusted(who.uid) {
		standing = stranger
	}
	if standing == surplus && take(d.places) {
		return &visitor{Conn: conn, peer: who, standing: admitted, place: d.places}
	}
	if take(d.refused) {
		return &visitor{Conn: conn, peer: who, standing: standing, place: d.refused}
	}
	return nil
}

func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// visitor is a connection that holds a place until it is closed.
type visitor struct {
	net.Conn
	peer     peer
	standing standing
	place    chan struct{}
	leave    sync.Once
}

// Close ends the connection and gives its place back.
func (v *visitor) Close() error {
	err := v.Conn.Close()
	v.leave.Do(func() { <-v.place })
	return err
}

type visitorKey struct{}

// withVisitor lets handlers know whose connection they answer (http.Server.ConnContext).
func withVisitor(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, conn)
}

// visitorOf gives the connection of a request; a stranger's where there is none.
func visitorOf(ctx context.Context) *visitor {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}
