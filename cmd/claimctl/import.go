package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/cmd/claimctl/python"
	"github.com/claimd/claimd/daemon/config"
)

const importUsage = `claimctl import eclecticiq prints a claimd.toml that behaves as a platform_settings.py does.

Usage: claimctl import eclecticiq FILE|- [--json]

FILE is read as data and never run: what is assigned in it as a literal is taken, what is not is
named and skipped. Where claimd differs on purpose, and where something is left for you to write,
a comment in the claimd.toml says so, and a notice on standard error.
A setting that is no literal leaves enabled at false. A claimd.toml that claimctl check would
refuse is not printed: each fault is told with its line in FILE instead.

  claimctl import eclecticiq /etc/eclecticiq/platform_settings.py > claimd.toml

  -       read standard input
  --json  print the claimd.toml, the notices and the faults as JSON

Exit status: 0 printed, 1 FILE has faults, 2 wrong usage, 3 FILE could not be read.
`

// importResult is what became of a file, as import --json prints it.
type importResult struct {
	TOML   string        `json:"toml,omitempty"` // "" where there are faults
	Notes  config.Faults `json:"notes"`          // each File, Line and Key is that of the file that was read
	Faults config.Faults `json:"faults,omitempty"`
}

func (t *tool) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import", Short: "a claimd.toml from the settings of another system", Long: importUsage,
		Args: cobra.ArbitraryArgs,
		RunE: func(*cobra.Command, []string) error {
			return misused("import", "want the system to import from: eclecticiq")
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use: "eclecticiq", Short: "a claimd.toml from a platform_settings.py", Long: importUsage,
		Args: takes(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused("import eclecticiq", "want the path of a platform_settings.py, or - for standard input")
			}
			return t.importEclecticIQ(args[0])
		},
	})
	return cmd
}

func (t *tool) importEclecticIQ(path string) error {
	source, err := t.importSource(path)
	if err != nil {
		return &failure{code: exitUnknown, text: "the file cannot be read: " + cause(err).Error()}
	}
	name := path
	if path == "-" {
		name = "standard input"
	}
	result := importOf(name, source)
	if t.json {
		err = t.printJSON(result, false)
	} else {
		_, err = io.WriteString(t.stderr, faultsText(append(result.Notes, result.Faults...)))
	}
	switch {
	case err != nil:
		return err
	case len(result.Faults) > 0 && t.json:
		return refused()
	case len(result.Faults) > 0:
		return &failure{code: exitNo, text: "no claimd.toml is printed: the file has " + count(len(result.Faults), "fault")}
	case t.json:
		return nil
	}
	return t.print(result.TOML)
}

// importSource reads the file, and one byte more than may be in it: the reader says what is too long.
func (t *tool) importSource(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(t.stdin, python.MaxBytes+1))
	}
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, python.MaxBytes+1))
}
