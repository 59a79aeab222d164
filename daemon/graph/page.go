package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/claimd/claimd/daemon/entra"
)

// brokenRead is an error of the connection, not of what came over it.
type brokenRead struct{ error }

// connection marks the errors of reading.
type connection struct{ io.Reader }

func (c connection) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &brokenRead{err}
	}
	return n, err
}

// readPage reads one page of an answer, an object whose value is a list of ids or, with objects, of directory objects;
// the groups among these count. It holds no more of it in memory than one item. take is told every group in lower case.
func readPage(body io.Reader, objects bool, take func(id string) bool) (next string, err error) {
	d := json.NewDecoder(connection{body})
	if err := want(d, '{'); err != nil {
		return "", err
	}
	seen := make(map[string]bool)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", err
		}
		member, _ := name.(string) // the decoder lets nothing else be a name
		switch {
		case seen[member]:
			return "", fmt.Errorf("two members %s", quote(member))
		case member == "value":
			err = readValue(d, objects, take)
		case member == "@odata.nextLink":
			next, err = readLink(d)
		case member == "error":
			err = errors.New("an error with status 200")
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return "", err
		}
		seen[member] = true
	}
	if err := want(d, '}'); err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if broken, ok := errors.AsType[*brokenRead](err); ok {
			return "", broken
		}
		return "", errors.New("more behind the answer")
	}
	if !seen["value"] {
		return "", errors.New("none in the answer")
	}
	return next, nil
}

func want(d *json.Decoder, delimiter json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return err
	}
	if got != delimiter {
		return fmt.Errorf("something else than %q", delimiter)
	}
	return nil
}

func readLink(d *json.Decoder) (string, error) {
	var link *string
	if err := d.Decode(&link); err != nil {
		return "", err
	}
	if link == nil || *link == "" {
		return "", errors.New("an empty address of a next page")
	}
	return *link, nil
}

func readValue(d *json.Decoder, objects bool, take func(id string) bool) error {
	if err := want(d, '['); err != nil {
		return err
	}
	for d.More() {
		id, isGroup, err := readItem(d, objects)
		if err != nil {
			return err
		}
		guid, ok := entra.GUID(id)
		if !ok {
			return fmt.Errorf("%s among them", quote(id))
		}
		if isGroup && !take(guid) {
			return errors.New("a group among them that was not asked about")
		}
	}
	return want(d, ']')
}

func readItem(d *json.Decoder, objects bool) (id string, isGroup bool, err error) {
	if !objects {
		err = d.Decode(&id)
		return id, true, err
	}
	var object struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
	}
	if err := d.Decode(&object); err != nil {
		return "", false, err
	}
	if object.Type == "" {
		return "", false, errors.New("an object without a type among them")
	}
	return object.ID, object.Type == "#microsoft.graph.group", nil
}
