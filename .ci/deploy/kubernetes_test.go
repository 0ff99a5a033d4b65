package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const manifests = root + "/docs/kubernetes"

// cluster is what the kustomization would make, in the types of Kubernetes' API.
type cluster struct {
	deployments map[string]*appsv1.Deployment
	pods        map[string]corev1.PodTemplateSpec // by the name of what makes them
	configs     map[string]*corev1.ConfigMap
	services    []*corev1.Service
	budgets     []*policyv1.PodDisruptionBudget
	scalers     []*autoscalingv2.HorizontalPodAutoscaler
	policies    []*networkingv1.NetworkPolicy
}

// kustomized builds the kustomization and decodes what comes out of it strictly: a
// field that the API does not have is an error, as is a kind that nobody decodes.
func kustomized(t *testing.T) *cluster {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifests)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{deployments: map[string]*appsv1.Deployment{}, pods: map[string]corev1.PodTemplateSpec{}, configs: map[string]*corev1.ConfigMap{}}
	for _, resource := range made.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.add(resource.GetApiVersion()+" "+resource.GetKind(), text); err != nil {
			t.Errorf("%s %s: %v", resource.GetKind(), resource.GetName(), err)
		}
	}
	return c
}

func (c *cluster) add(kind string, text []byte) error {
	switch kind {
	case "apps/v1 Deployment":
		d, err := decode[appsv1.Deployment](text)
		c.deployments[d.Name], c.pods[d.Name] = d, d.Spec.Template
		return err
	case "batch/v1 Job":
		j, err := decode[batchv1.Job](text)
		c.pods[j.Name] = j.Spec.Template
		return err
	case "v1 ConfigMap":
		m, err := decode[corev1.ConfigMap](text)
		c.configs[m.Name] = m
		return err
	case "v1 Service":
		return into(&c.services, text)
	case "policy/v1 PodDisruptionBudget":
		return into(&c.budgets, text)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return into(&c.scalers, text)
	case "networking.k8s.io/v1 NetworkPolicy":
		return into(&c.policies, text)
	}
	return fmt.Errorf("nobody decodes %s", kind)
}

func decode[T any](text []byte) (*T, error) {
	made := new(T)
	return made, yaml.UnmarshalStrict(text, made)
}

func into[T any](all *[]*T, text []byte) error {
	made, err := decode[T](text)
	*all = append(*all, made)
	return err
}

func TestKubernetes_everyFileIsPartOfIt(t *testing.T) {
	t.Parallel()
	text := string(must(os.ReadFile(manifests + "/kustomization.yaml")))
	for _, file := range must(filepath.Glob(manifests + "/*.yaml")) {
		name := filepath.Base(file)
		if !slices.Contains([]string{"kustomization.yaml", "secret.example.yaml", "adapter-rule.yaml"}, name) && !strings.Contains(text, "- "+name+"\n") {
			t.Errorf("the kustomization leaves %s out", name)
		}
	}
}

func TestKubernetes_podsMayDoNothingButTheirWork(t *testing.T) {
	t.Parallel()
	c := kustomized(t)
	if len(c.pods) != 3 {
		t.Fatalf("%d kinds of pods, want worker, starter and migrate", len(c.pods))
	}
	for name, template := range c.pods {
		spec := template.Spec
		security := spec.SecurityContext
		if security == nil || !is(security.RunAsNonRoot, true) || security.RunAsUser == nil || *security.RunAsUser == 0 ||
			security.SeccompProfile == nil || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s may run as root, or make any call of the kernel's", name)
		}
		if !is(spec.AutomountServiceAccountToken, false) || spec.HostNetwork || spec.HostPID {
			t.Errorf("%s gets more than it needs of the cluster or the host", name)
		}
		for _, container := range spec.Containers {
			own := container.SecurityContext
			if own == nil || !is(own.ReadOnlyRootFilesystem, true) || !is(own.AllowPrivilegeEscalation, false) ||
				own.Capabilities == nil || !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(own.Capabilities.Add) > 0 {
				t.Errorf("%s/%s may do more than it needs", name, container.Name)
			}
			if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s/%s has no bounds", name, container.Name)
			}
		}
		if grace := spec.TerminationGracePeriodSeconds; grace == nil || *grace < 30 {
			t.Errorf("%s is killed before it has finished what it began", name)
		}
	}
}

func is(value *bool, want bool) bool { return value != nil && *value == want }

func TestKubernetes_probesAskForPathsAndPortsThatThereAre(t *testing.T) {
	t.Parallel()
	for name, d := range kustomized(t).deployments {
		container := d.Spec.Template.Spec.Containers[0]
		for want, probe := range map[string]*corev1.Probe{"/healthz": container.LivenessProbe, "/readyz": container.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want {
				t.Errorf("%s: no probe asks for %s", name, want)
				continue
			}
			if !slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal }) {
				t.Errorf("%s: there is no port %s", name, probe.HTTPGet.Port.StrVal)
			}
		}
		if container.StartupProbe == nil {
			t.Errorf("%s: a start that migrates is killed by the liveness probe", name)
		}
	}
}

// variables are those that docs/running.md describes, which a test of the
// configuration keeps true.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, m := range regexp.MustCompile("`([A-Z][A-Z0-9_]{4,})`").FindAllStringSubmatch(string(must(os.ReadFile(root+"/docs/running.md"))), -1) {
		known[m[1]] = true
	}
	return known
}

func TestKubernetes_configuresByVariablesThatAreReadAndKeepsSecretsOut(t *testing.T) {
	t.Parallel()
	c, known := kustomized(t), variables(t)
	secret := must(decode[corev1.Secret](must(os.ReadFile(manifests + "/secret.example.yaml"))))
	hidden := regexp.MustCompile(`DATABASE_URL|KEY|TOKEN|SECRET`)
	for name, m := range c.configs {
		for variable := range m.Data {
			if !known[variable] || hidden.MatchString(variable) {
				t.Errorf("the ConfigMap %s has %s, which nobody reads or which is a secret", name, variable)
			}
		}
	}
	for name, template := range c.pods {
		for _, variable := range template.Spec.Containers[0].Env {
			if !known[variable.Name] {
				t.Errorf("%s: nobody reads %s", name, variable.Name)
			}
			if variable.ValueFrom == nil {
				if hidden.MatchString(variable.Name) {
					t.Errorf("%s: %s is written down", name, variable.Name)
				}
				continue
			}
			ref := variable.ValueFrom.SecretKeyRef
			if _, listed := secret.StringData[ref.Key]; ref.Name != secret.Name || !listed {
				t.Errorf("%s: %s comes from %s/%s, which secret.example.yaml does not list", name, variable.Name, ref.Name, ref.Key)
			}
		}
		for _, from := range template.Spec.Containers[0].EnvFrom {
			if c.configs[from.ConfigMapRef.Name] == nil {
				t.Errorf("%s: there is no ConfigMap %s", name, from.ConfigMapRef.Name)
			}
		}
	}
}

// selects reports whether labels select the pods of a deployment.
func (c *cluster) selects(labels map[string]string) bool {
	for _, template := range c.pods {
		matches := len(labels) > 0
		for key, value := range labels {
			matches = matches && template.Labels[key] == value
		}
		if matches {
			return true
		}
	}
	return false
}

func TestKubernetes_servicesBudgetsScalersAndPoliciesFindTheirPods(t *testing.T) {
	t.Parallel()
	c := kustomized(t)
	for _, s := range c.services {
		if !c.selects(s.Spec.Selector) {
			t.Errorf("the Service %s has no pods", s.Name)
		}
	}
	if len(c.budgets) != len(c.deployments) {
		t.Errorf("%d disruption budgets for %d deployments", len(c.budgets), len(c.deployments))
	}
	for _, b := range c.budgets {
		if !c.selects(b.Spec.Selector.MatchLabels) {
			t.Errorf("the budget %s has no pods", b.Name)
		}
	}
	for _, s := range c.scalers {
		scaled := c.deployments[s.Spec.ScaleTargetRef.Name]
		if scaled == nil || scaled.Spec.Replicas != nil {
			t.Errorf("%s scales nothing, or what has a number of its own that an update would bring back", s.Name)
		}
	}
	for _, p := range c.policies {
		found := c.selects(p.Spec.PodSelector.MatchLabels)
		for _, e := range p.Spec.PodSelector.MatchExpressions {
			for _, value := range e.Values {
				found = c.selects(map[string]string{e.Key: value})
				if !found {
					t.Errorf("the policy %s names %s, which is nobody", p.Name, value)
				}
			}
		}
		if !found {
			t.Errorf("the policy %s has no pods", p.Name)
		}
	}
}

// The metric by which workers are scaled is one that the worker exposes.
func TestKubernetes_scalesByWhatTheWorkersExpose(t *testing.T) {
	t.Parallel()
	var rules struct {
		ExternalRules []struct {
			SeriesQuery, MetricsQuery string
			Name                      struct{ As string }
			Resources                 struct{ Namespaced bool }
		}
	}
	if err := yaml.UnmarshalStrict(must(os.ReadFile(manifests+"/adapter-rule.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	offered := map[string]bool{}
	for _, rule := range rules.ExternalRules {
		offered[rule.Name.As] = true
		check(t, rule.Name.As, rule.MetricsQuery, ours(t), temporals(t))
		if !strings.Contains(rule.MetricsQuery, rule.SeriesQuery) {
			t.Errorf("%s is found by another series than it is computed from", rule.Name.As)
		}
	}
	for _, s := range kustomized(t).scalers {
		for _, metric := range s.Spec.Metrics {
			if metric.External == nil || !offered[metric.External.Metric.Name] {
				t.Errorf("%s: adapter-rule.yaml does not offer its metric", s.Name)
			}
		}
	}
}
