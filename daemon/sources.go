package daemon

import "github.com/claimd/claimd/daemon/keys"

// Sources tells where the keys of each provider come from, in the order of Config.Providers: those of a disabled
// configuration too, which Open leaves out.
func (l *Loaded) Sources() []keys.Source {
	sources := make([]keys.Source, len(l.Config.Providers))
	for i := range l.Config.Providers {
		sources[i] = source(&l.Config.Providers[i])
	}
	return sources
}
