package manifest

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Line is an attribute to set: Text is one member of a JSON object, over several lines where it has them.
type Line struct {
	In   string `json:"in,omitempty"` // the attribute that it stands in; "" = the top
	Text string `json:"text"`
}

// edits are the attributes to set, each once, in the order in which they were found wanting.
type edits []edit

type edit struct {
	in, name string
	value    any
}

// set notes an attribute to set. A later value for the same one takes the place of the earlier.
func (e *edits) set(in, name string, value any) {
	for i, earlier := range *e {
		if earlier.in == in && earlier.name == name {
			(*e)[i].value = value
			return
		}
	}
	*e = append(*e, edit{in, name, value})
}

// lines writes them down, those of the top first.
func (e edits) lines() []Line {
	sorted := slices.Clone(e)
	slices.SortStableFunc(sorted, func(a, b edit) int {
		switch {
		case a.in == b.in:
			return 0
		case a.in < b.in:
			return -1
		}
		return 1
	})
	var lines []Line
	for _, edit := range sorted {
		lines = append(lines, Line{In: edit.in, Text: quoted(edit.name) + ": " + quoted(edit.value)})
	}
	return lines
}

// quoted gives the value as JSON, as the portal lays it out. Only what a manifest holds goes in, which cannot fail.
func quoted(value any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(value); err != nil {
		return "null"
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
