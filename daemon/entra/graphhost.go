package entra

import "strings"

// GraphURL gives the address of Microsoft Graph of this cloud, without a final slash.
func (c Cloud) GraphURL() string { return "https://" + c.graphHost }

// IsGraphHost reports whether Microsoft Graph of this cloud stands on that host, which discovery documents name as
// msgraph_host. It tells US Government L4 (usgov) from DoD (usgov-dod), whose documents stand on the same host.
func (c Cloud) IsGraphHost(host string) bool { return strings.EqualFold(host, c.graphHost) }
