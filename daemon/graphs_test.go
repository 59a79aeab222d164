package daemon

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
)

// An authority's documents name another host of Microsoft Graph than before. The Graph of the first was forgotten: who
// closed all did not close it, nor wait for what it had under way.
func TestAGraphWhoseHostChangesIsClosedWithTheOthers(t *testing.T) {
	tenant, err := entratest.Start(testDirectory())
	mustDo(t, err)
	defer tenant.Close()
	var host atomic.Pointer[string]
	tenant.SetFaults(entratest.Faults{Rewrite: func(_ string, body []byte) []byte {
		own := strings.TrimPrefix(tenant.URL(), "http://")
		return bytes.ReplaceAll(body, []byte(`"msgraph_host":"`+own+`"`), []byte(`"msgraph_host":"`+*host.Load()+`"`))
	}})
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	provider := ring.Open(keys.Source{Name: "contoso", Authority: tenant.URL(), Tenant: testDirectory().TenantID, ApplicationID: testDirectory().APIs[0].ApplicationID})
	all := newGraphs(zap.NewNop())
	o := &opened{keys: provider, retire: all.replaced, options: graph.Options{
		Authority: "https://login.example", Tenant: testDirectory().TenantID, ClientID: testDirectory().APIs[0].ApplicationID,
		Secret: "fake-secret", Client: new(http.Client),
	}}
	all.open["contoso"] = o
	at := func(name string) *graph.Graph {
		host.Store(&name)
		mustDo(t, provider.Refresh(t.Context()))
		got := o.get()
		if got == nil || got.Status().Host != "https://"+name {
			t.Fatalf("the documents name %s: got %+v", name, got)
		}
		return got
	}
	first, second := at("one.example"), at("two.example")
	if first == second || o.get() != second {
		t.Error("it stays with the first, or makes one at each request")
	}
	at("three.example")
	all.close()
	late := at("four.example")
	if at("five.example"); late.Status().UnderWay != 0 {
		t.Error("it is not closed")
	}
	question, err := graph.NewQuestion([]string{adaID})
	mustDo(t, err)
	if _, err := late.Memberships(t.Context(), adaID, question); err == nil || !strings.Contains(err.Error(), "claimd is ending") {
		t.Errorf("one that is replaced after the end is asked: %v", err)
	}
}
