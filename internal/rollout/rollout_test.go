package rollout

import (
	"testing"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type summary = deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary

func TestVersion_roles(t *testing.T) {
	t.Parallel()
	now := timestamppb.Now()
	routing := &deploymentpb.RoutingConfig{
		CurrentDeploymentVersion: &deploymentpb.WorkerDeploymentVersion{BuildId: "current"},
		RampingDeploymentVersion: &deploymentpb.WorkerDeploymentVersion{BuildId: "ramping"},
		RampingVersionPercentage: 10,
	}
	tests := map[string]struct {
		build string
		is    *summary
		want  Role
	}{
		"it gets the new runs":                          {"current", &summary{FirstActivationTime: now}, Current},
		"it gets a share of them":                       {"ramping", &summary{FirstActivationTime: now}, Ramping},
		"its workers came, and it was never promoted":   {"new", &summary{}, Waiting},
		"just replaced: Temporal has not looked yet":    {"old", &summary{FirstActivationTime: now}, Draining},
		"just replaced, on a server that tells it so":   {"old", &summary{LastDeactivationTime: now}, Draining},
		"just replaced, on a server that tells it less": {"old", &summary{RoutingUpdateTime: now}, Draining},
		"its share was taken back":                      {"old", &summary{FirstActivationTime: now, LastDeactivationTime: now}, Draining},
		"Temporal found runs of it":                     {"old", &summary{DrainageStatus: enumspb.VERSION_DRAINAGE_STATUS_DRAINING}, Draining},
		"Temporal looks":                                {"old", &summary{DrainageInfo: &deploymentpb.VersionDrainageInfo{}}, Draining},
		"Temporal found none, though it was in use":     {"old", &summary{FirstActivationTime: now, DrainageStatus: enumspb.VERSION_DRAINAGE_STATUS_DRAINED}, Drained},
		"Temporal found none, in the words of new servers": {
			"old", &summary{DrainageInfo: &deploymentpb.VersionDrainageInfo{Status: enumspb.VERSION_DRAINAGE_STATUS_DRAINED}}, Drained,
		},
		"promoted again after it was drained": {"current", &summary{DrainageStatus: enumspb.VERSION_DRAINAGE_STATUS_DRAINED}, Current},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.is.DeploymentVersion = &deploymentpb.WorkerDeploymentVersion{BuildId: tt.build}
			if got := version(tt.is, routing); got.Role != tt.want {
				t.Errorf("%s, want %s", got.Role, tt.want)
			}
		})
	}
}
