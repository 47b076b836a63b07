{{- define "gatehouse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gatehouse.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selectors select by. Immutable in a Deployment, so that nothing which changes with a version is among them. */}}
{{- define "gatehouse.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gatehouse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gatehouse.labels" -}}
{{ include "gatehouse.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gatehouse.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gatehouse.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.configMapName" -}}
{{- default (include "gatehouse.fullname" .) .Values.existingConfig.configMap -}}
{{- end -}}

{{- define "gatehouse.configKey" -}}
{{- ternary .Values.existingConfig.key "gatehouse.yaml" (ne .Values.existingConfig.configMap "") -}}
{{- end -}}

{{/* embedded or redis. */}}
{{- define "gatehouse.store" -}}
{{- if .Values.existingConfig.configMap -}}
{{- .Values.existingConfig.store -}}
{{- else -}}
{{- ternary "redis" "embedded" (hasKey (default dict .Values.config.store) "redis") -}}
{{- end -}}
{{- end -}}

{{/* Not empty when there can be two replicas at a time. */}}
{{- define "gatehouse.isReplicated" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}yes{{- end -}}
{{- end -}}

{{/* Not empty when the public listener speaks TLS. */}}
{{- define "gatehouse.publicTls" -}}
{{- $public := dig "listen" "public" "" .Values.config -}}
{{- if kindIs "map" $public -}}{{- if hasKey $public "tls" -}}yes{{- end -}}{{- end -}}
{{- end -}}

{{/* Not empty when the gRPC dialect is served. */}}
{{- define "gatehouse.hasGrpc" -}}
{{- if eq .Values.mode "forwardAuth" -}}
{{- if or .Values.existingConfig.configMap (dig "listen" "forwardAuth" "grpc" "" .Values.config) -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* Seconds of a Gatehouse duration such as 500ms, 30s, 10m, 12h or 7d; parts of a second count as one. */}}
{{- define "gatehouse.seconds" -}}
{{- $text := toString . -}}
{{- $number := int (regexFind "^[0-9]+" $text) -}}
{{- $unit := regexFind "[a-z]+$" $text -}}
{{- if eq $unit "ms" -}}{{- div (add $number 999) 1000 -}}
{{- else if eq $unit "m" -}}{{- mul $number 60 -}}
{{- else if eq $unit "h" -}}{{- mul $number 3600 -}}
{{- else if eq $unit "d" -}}{{- mul $number 86400 -}}
{{- else -}}{{- $number -}}
{{- end -}}
{{- end -}}

{{/* What a pod needs between the order to end and its end. */}}
{{- define "gatehouse.stopSeconds" -}}
{{- $shutdown := default dict .Values.config.shutdown -}}
{{- $delay := include "gatehouse.seconds" (default "0s" $shutdown.delay) -}}
{{- $drain := include "gatehouse.seconds" (default "30s" $shutdown.drain) -}}
{{- add (int .Values.preStopSeconds) (int $delay) (int $drain) -}}
{{- end -}}

{{- define "gatehouse.gracePeriod" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add (int (include "gatehouse.stopSeconds" .)) 10 -}}
{{- else -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}

{{/* What only a restart applies (docs/operations.md). The rest of the configuration is loaded by the running process. */}}
{{- define "gatehouse.restartKeys" -}}
{{- $config := .Values.config -}}
{{- pick $config "listen" "store" "encryptionKeys" "assertionKeys" "admin" "workers" | toJson -}}
{{- dig "audit" "keep" "" $config | toJson -}}
{{- pick (default dict $config.limits) "queueDelay" "fieldBytes" "headerTimeout" "keepAlive" "http2Streams" | toJson -}}
{{- end -}}
