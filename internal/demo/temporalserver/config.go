package temporalserver

import (
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

// clusterName is the only cluster there is; namespaces belong to it.
const clusterName = "active"

// dynamicConfig returns the settings in which a server for one machine
// differs from the vendor's defaults.
func dynamicConfig(opts Options) dynamicconfig.StaticClient {
	values := map[string]any{
		// Search attributes can be used as soon as they are registered. The
		// price is a read per use, hence the higher limits on the database.
		"system.forceSearchAttributesCacheRefreshOnRead": true,
		"frontend.persistenceMaxQPS":                     100_000,
		"history.persistenceMaxQPS":                      100_000,
		// Lists are polled by tests and by the UI; the default is 10 a second.
		"frontend.namespaceRPS.visibility": 100,
		// 128,000 cached histories would be all of a laptop's memory.
		"history.hostLevelCacheMaxSize": 8096,
		// Deleting a closed history waits for these; 30 s by default, too long
		// for a person who watches an erasure and for a test that proves it.
		"history.transferProcessorUpdateAckInterval":   time.Second,
		"history.visibilityProcessorUpdateAckInterval": time.Second,
		"history.timerProcessorUpdateAckInterval":      time.Second,
		// Priorities and rate limits are exact only within one partition, and
		// on one machine more of them bring nothing.
		"matching.numTaskqueueReadPartitions":  1,
		"matching.numTaskqueueWritePartitions": 1,
		// Whether a version of the worker is drained is asked for every few seconds
		// instead of every three minutes: whoever rolls one out here is watching.
		"matching.wv.VersionDrainageStatusVisibilityGracePeriod": 5 * time.Second,
		"matching.wv.VersionDrainageStatusRefreshInterval":       5 * time.Second,
		// Where work piles up, the connections take turns.
		"matching.enableFairness": true,
	}
	if opts.HistoryEvents > 0 {
		values["limit.historyCount.suggestContinueAsNew"] = opts.HistoryEvents
	}
	settings := make(dynamicconfig.StaticClient, len(values))
	for key, value := range values {
		settings[dynamicconfig.MakeKey(key)] = value
	}
	return settings
}

func serverConfig(p *ports, sql *config.SQL) *config.Config {
	return &config.Config{
		Global: config.Global{Membership: config.Membership{
			MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback,
		}},
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: sql}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: p.frontend.address(),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: p.frontend.address()},
		Services: map[string]config.Service{
			string(primitives.FrontendService): listen(p.frontend),
			string(primitives.HistoryService):  listen(p.history),
			string(primitives.MatchingService): listen(p.matching),
			string(primitives.WorkerService):   listen(p.worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
		}},
	}
}

func listen(p port) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: p.number, BindOnIP: loopback}}
}

// staticHosts spares the server the gossip by which several find each other.
func staticHosts(p *ports) map[primitives.ServiceName]static.Hosts {
	alone := func(p port) static.Hosts {
		return static.Hosts{All: []string{p.address()}, Self: p.address()}
	}
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: alone(p.frontend),
		primitives.HistoryService:  alone(p.history),
		primitives.MatchingService: alone(p.matching),
		primitives.WorkerService:   alone(p.worker),
	}
}
