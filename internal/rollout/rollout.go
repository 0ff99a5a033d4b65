// Package rollout puts a new version of the worker into service: Temporal keeps
// every run on the version that started it and routes new runs to the version
// that an operator chose.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Role is what Temporal does with a version of the worker.
type Role string

// Roles of a version, in the order of its life.
const (
	Waiting  Role = "waiting"  // its workers ask for work and get none
	Ramping  Role = "ramping"  // it gets a share of the new runs
	Current  Role = "current"  // it gets the new runs
	Draining Role = "draining" // it finishes runs that it started: its workers must stay
	Drained  Role = "drained"  // it has nothing left: its workers may go
)

// Version is one version of the worker.
type Version struct {
	BuildID   string    `json:"build_id"`
	Role      Role      `json:"role"`
	Percent   float32   `json:"percent,omitempty"` // of the new runs, while ramping
	CreatedAt time.Time `json:"created_at"`
}

// Rollout is the versions of one deployment.
type Rollout struct {
	service               workflowservice.WorkflowServiceClient
	handle                client.WorkerDeploymentHandle
	namespace, deployment string
}

// New returns the rollout of a deployment, named as WORKER_DEPLOYMENT_NAME names
// it, in the client's namespace.
func New(c client.Client, namespace, deployment string) Rollout {
	return Rollout{
		service: c.WorkflowService(), handle: c.WorkerDeploymentClient().GetHandle(deployment),
		namespace: namespace, deployment: deployment,
	}
}

// Versions lists the versions that Temporal knows, the newest first.
func (r Rollout) Versions(ctx context.Context) ([]Version, error) {
	// The SDK's own answer does not say whether a version was ever in use.
	is, err := r.service.DescribeWorkerDeployment(ctx, &workflowservice.DescribeWorkerDeploymentRequest{
		Namespace: r.namespace, DeploymentName: r.deployment,
	})
	if err != nil {
		return nil, explained(err)
	}
	info := is.GetWorkerDeploymentInfo()
	var versions []Version
	for _, v := range info.GetVersionSummaries() {
		versions = append(versions, version(v, info.GetRoutingConfig()))
	}
	slices.SortFunc(versions, func(a, b Version) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return versions, nil
}

// version returns a version's role. Temporal checks only some minutes after a
// version was replaced whether it has runs left; until then it counts as having
// some.
func version(v *deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary, routing *deploymentpb.RoutingConfig) Version {
	out := Version{BuildID: v.GetDeploymentVersion().GetBuildId(), Role: Waiting, CreatedAt: v.GetCreateTime().AsTime()}
	switch {
	case out.BuildID == routing.GetCurrentDeploymentVersion().GetBuildId():
		out.Role = Current
	case out.BuildID == routing.GetRampingDeploymentVersion().GetBuildId():
		out.Role, out.Percent = Ramping, routing.GetRampingVersionPercentage()
	case v.GetDrainageStatus() == enumspb.VERSION_DRAINAGE_STATUS_DRAINED, v.GetDrainageInfo().GetStatus() == enumspb.VERSION_DRAINAGE_STATUS_DRAINED:
		out.Role = Drained
	case v.GetDrainageStatus() == enumspb.VERSION_DRAINAGE_STATUS_DRAINING, v.GetDrainageInfo() != nil, wasInUse(v):
		out.Role = Draining
	}
	return out
}

// wasInUse reports whether a version has had runs, as far as the server says.
func wasInUse(v *deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary) bool {
	return v.GetFirstActivationTime() != nil || v.GetLastCurrentTime() != nil || v.GetLastDeactivationTime() != nil || v.GetRoutingUpdateTime() != nil
}

// Promote routes all new runs to a version. Its workers must poll every queue
// that the previous version polls; otherwise work would wait without a worker.
func (r Rollout) Promote(ctx context.Context, buildID string) error {
	_, err := r.handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: buildID})
	return explained(err)
}

// Ramp sends a share of the new runs to a version, in percent. 0 takes it back.
func (r Rollout) Ramp(ctx context.Context, buildID string, percent float32) error {
	_, err := r.handle.SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{BuildID: buildID, Percentage: percent})
	return explained(err)
}

// explained adds to Temporal's refusals what to do about them.
func explained(err error) error {
	var unknown *serviceerror.NotFound
	var early *serviceerror.FailedPrecondition
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("Temporal knows no such worker: start one with WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID first: %w", err)
	case errors.As(err, &early):
		return fmt.Errorf("the version's workers are not there yet on every queue: start them, and try again in a moment: %w", err)
	}
	return err
}
