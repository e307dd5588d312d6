{{/* The fields, one a line, that are in the schema `.want` and not in `.have`: the API server would drop them from what is written. */}}
{{- define "ferryman.missingFields" -}}
{{- $have := .have | default dict -}}
{{- range $name, $child := (.want | default dict).properties -}}
{{- $path := printf "%s.%s" $.path $name -}}
{{- if not (hasKey ($have.properties | default dict) $name) }}
{{ $path }}
{{- else -}}
{{- include "ferryman.missingFields" (dict "want" $child "have" (index $have.properties $name) "path" $path) -}}
{{- if $child.items -}}
{{- include "ferryman.missingFields" (dict "want" $child.items "have" (index $have.properties $name).items "path" (printf "%s[]" $path)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Stops where the CRD in the cluster is older than this chart's. Says nothing without a cluster. */}}
{{- define "ferryman.checkCRD" -}}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "taskruns.ferryman.dev" -}}
{{- if $live -}}
{{- $want := (.Files.Get "crds/taskruns.yaml" | fromYaml).spec.versions -}}
{{- $missing := "" -}}
{{- range $version := $want -}}
{{- $have := dict -}}
{{- range $live.spec.versions -}}
{{- if eq .name $version.name -}}{{- $have = .schema.openAPIV3Schema -}}{{- end -}}
{{- end -}}
{{- $missing = printf "%s%s" $missing (include "ferryman.missingFields" (dict "want" $version.schema.openAPIV3Schema "have" $have "path" "")) -}}
{{- end -}}
{{- if $missing -}}
{{- printf "\n\nThe CRD taskruns.ferryman.dev in this cluster is older than this chart, and Helm does not upgrade it. It lacks%s\n\nNothing was changed. First run\n\n  helm show crds <this chart> | kubectl apply --server-side --force-conflicts -f -\n\nand then this command again. (--set crds.check=false skips the check.)\n" ($missing | replace "\n" "\n  ") | fail -}}
{{- end -}}
{{- end -}}
{{- end -}}
