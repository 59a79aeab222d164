package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
)

// named makes values of one provider's groups or roles claim of the texts.
func named(provider string, values []string) []directory.Unmatched {
	list := make([]directory.Unmatched, len(values))
	for i, value := range values {
		list[i] = directory.Unmatched{Value: value, Provider: provider}
	}
	return list
}

// pasteLines gives for each claim value of the kind (those of no kind count) the line of TOML that declares a local group
// or role of its name, or a comment that says why none can be; each value once, in the order given. All lines together
// can be pasted: none of them is a fault of the configuration, alone or beside the others.
func pasteLines(cfg *config.Config, kind directory.Kind, values []directory.Unmatched) []string {
	providers := map[string][]string{} // by value
	var order []string
	for _, value := range values {
		if value.Claim != "" && value.Claim != kind || authorityOf(cfg, value.Provider) == "" {
			continue // of the other kind, or of a provider that is gone
		}
		if providers[value.Value] == nil {
			order = append(order, value.Value)
		}
		if !slices.Contains(providers[value.Value], value.Provider) {
			providers[value.Value] = append(providers[value.Value], value.Provider)
		}
	}
	declared := map[string]bool{}
	for _, local := range localsOf(cfg, kind) {
		declared[local.Name] = true
	}
	var lines []string
	for _, value := range order {
		from := providers[value]
		if !cfg.NeedsProviders(localsKey(kind), value) {
			from = nil
		}
		lines = append(lines, pasteLine(cfg, declared, value, from))
		declared[value] = true
	}
	return lines
}

// localsKey is the key that the kind's locals stand under.
func localsKey(kind directory.Kind) string {
	if kind == directory.Roles {
		return "roles"
	}
	return "groups"
}

// pasteLine names the providers; nil: any may name the value.
func pasteLine(cfg *config.Config, declared map[string]bool, value string, providers []string) string {
	if value == "" {
		return `# "" cannot be declared: an empty claim value names nothing`
	}
	if declared[value] {
		return "# " + access.TOMLKey(value) + " is declared already, with other values or for other providers: mend that line"
	}
	if name, ok := alike(cfg, declared, value); ok {
		return "# " + access.TOMLKey(value) + " is the same name as " + access.TOMLKey(name) + " while case_sensitive is false"
	}
	if providers == nil {
		return access.TOMLKey(value) + ` = ""`
	}
	slices.Sort(providers)
	quoted := make([]string, len(providers))
	for i, provider := range providers {
		quoted[i] = access.TOMLString(provider)
	}
	return fmt.Sprintf("%s = { providers = [%s] }", access.TOMLKey(value), strings.Join(quoted, ", "))
}

// alike gives the first declared name that differs from the value in case alone, where case is not looked at.
func alike(cfg *config.Config, declared map[string]bool, value string) (string, bool) {
	first, found := "", false
	if cfg.Mapping.CaseSensitive {
		return "", false
	}
	for name := range declared {
		if strings.EqualFold(name, value) && (!found || name < first) {
			first, found = name, true
		}
	}
	return first, found
}
