package config

import "slices"

// A key of the other kind of provider is known, and may stand at its default: then it says nothing.

// foreignText knows a key of that other kind: a string.
func (t *table) foreignText(key, standard string, kind Kind) {
	known := len(t.check.faults)
	if text := t.text(key, standard, nil); len(t.check.faults) == known && text != standard {
		t.foreign(key, kind)
	}
}

// foreignTexts knows a key of that other kind: an array of strings.
func (t *table) foreignTexts(key string, kind Kind, standard ...string) {
	known := len(t.check.faults)
	texts := t.texts(key, standard, nil)
	if len(t.check.faults) == known && !slices.Equal(texts, standard) {
		t.foreign(key, kind)
	}
}

// foreignFlag knows a key of that other kind: a boolean that may be false.
func (t *table) foreignFlag(key string, kind Kind) {
	if t.flag(key, false) {
		t.foreign(key, kind)
	}
}

// foreignKey knows a key of that other kind that has no default to stand at.
func (t *table) foreignKey(key string, kind Kind) {
	if t.get(key) != nil {
		t.foreign(key, kind)
	}
}

func (t *table) foreign(key string, kind Kind) {
	own := KindEntra
	if kind == KindEntra {
		own = KindOIDC
	}
	t.check.fault(t.at(key), "take it out, or change kind", "is a key of kind = %q, and this provider is kind = %q", string(kind), string(own))
}
