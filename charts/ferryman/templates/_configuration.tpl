{{/* The operator's configuration, docs/operator.md. What is empty is left out, so that the operator's own default holds. */}}
{{- define "ferryman.configuration" -}}
{{- if and (gt (int .Values.operator.replicas) 1) (not .Values.settings.lease.enabled) -}}
{{- fail "settings.lease.enabled: more than one replica needs the Lease; set operator.replicas=1 to do without" -}}
{{- end -}}
{{- range $name, $store := .Values.stores -}}
{{- $endpoint := get ($store | default dict) "endpoint" | default "" -}}
{{- if and (hasPrefix "http://" $endpoint) (not (regexMatch "^http://(127\\.|localhost|\\[::1\\])" $endpoint)) (not $store.allowHttp) -}}
{{- printf "stores.%s.endpoint: %s is not encrypted; use https, or accept that code and results can be replaced on the way with stores.%s.allowHttp=true" $name $endpoint $name | fail -}}
{{- end -}}
{{- end -}}
namespaces: {{ .Values.namespaces | toJson }}
stores:
{{- range $name, $store := .Values.stores }}
{{- if $store }}
  {{ $name }}:
    {{- range $field, $value := $store }}
    {{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
    {{ $field }}: {{ $value | toJson }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}
pod:
  image: {{ default (printf "ferryman-runner:%s" .Chart.AppVersion) .Values.pod.image | toJson }}
{{- $account := .Values.pod.serviceAccount }}
{{- if and (not $account) .Values.tasks.serviceAccount.create }}
{{- $account = .Values.tasks.serviceAccount.name }}
{{- end }}
{{- with $account }}
  serviceAccount: {{ . | toJson }}
{{- end }}
{{- range $field, $value := omit .Values.pod "image" "serviceAccount" "nodeSelector" "runAsUser" "terminationGraceSeconds" }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
  {{ $field }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
  nodeSelector: {{ .Values.pod.nodeSelector | toJson }}
  terminationGraceSeconds: {{ .Values.pod.terminationGraceSeconds }}
  runAsUser: {{ .Values.pod.runAsUser | toJson }}
{{ toYaml .Values.settings }}
{{- end -}}
