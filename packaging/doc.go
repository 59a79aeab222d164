// Package packaging holds what the deb and the rpm are made of: units, maintainer scripts, man pages, and their
// descriptions for nfpm. It has no code of its own; its tests hold the man pages and units to what the programs do.
package packaging
