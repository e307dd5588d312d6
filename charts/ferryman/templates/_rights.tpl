{{/* What the operator may do where there are runs: REQUIRED_RULES of operator/ferryman_operator/cluster.py, but for the Lease. */}}
{{- define "ferryman.rights" -}}
- apiGroups: [ferryman.dev]
  resources: [taskruns]
  verbs: [get, list, watch, delete]
- apiGroups: [ferryman.dev]
  resources: [taskruns/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Those that workers renew, where there are served tasks.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
