package manifest

import "encoding/json"

// element is one element of a collection: what of it is judged, and all of it as it stands in the file. What nobody
// asked to change is printed as it stood, members included that this package does not know.
type element[T any] struct {
	value   T
	raw     json.RawMessage // nil = it is new
	changed map[string]any  // members that are set anew
}

// UnmarshalJSON keeps the text too.
func (e *element[T]) UnmarshalJSON(raw []byte) error {
	e.raw = append(json.RawMessage{}, raw...)
	return json.Unmarshal(raw, &e.value)
}

// MarshalJSON gives the element as it stood, with the changed members, or a new one in the order of its type.
func (e element[T]) MarshalJSON() ([]byte, error) {
	if e.raw == nil {
		return json.Marshal(e.value)
	}
	if len(e.changed) == 0 {
		return e.raw, nil
	}
	all := map[string]any{}
	if err := json.Unmarshal(e.raw, &all); err != nil {
		return nil, err
	}
	for name, value := range e.changed {
		all[name] = value
	}
	return json.Marshal(all)
}

// with gives the element with one member set anew.
func (e element[T]) with(name string, value any) element[T] {
	changed := map[string]any{name: value}
	for earlier, value := range e.changed {
		if earlier != name {
			changed[earlier] = value
		}
	}
	e.changed = changed
	return e
}

// created gives a new element.
func created[T any](value T) element[T] { return element[T]{value: value} }

// values gives what is judged of the elements.
func values[T any](elements []element[T]) []T {
	all := make([]T, len(elements))
	for i, e := range elements {
		all[i] = e.value
	}
	return all
}
