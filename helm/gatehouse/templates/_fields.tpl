{{/* Names that stand in every allowance, as JSON: a proxy that did not copy one would let the client's own pass. */}}
{{- define "gatehouse.responseFields" -}}
{{- if .Values.forwardAuth.responseFields -}}
{{- .Values.forwardAuth.responseFields | toJson -}}
{{- else if .Values.existingConfig.configMap -}}
{{- fail "forwardAuth.responseFields is empty: list the identity and credential fields of the configuration in existingConfig.configMap" -}}
{{- else -}}
{{- $fields := list -}}
{{- range $upstream := default dict .Values.config.upstreams -}}
{{- $identity := default dict $upstream.identity -}}
{{- $fields = concat $fields (keys (default dict $identity.fields) | sortAlpha) -}}
{{- if hasKey $identity "assertion" -}}
{{- $fields = append $fields (default "X-Gatehouse-Assertion" (default dict $identity.assertion).field) -}}
{{- end -}}
{{- if hasKey $identity "signature" -}}
{{- $fields = concat $fields (list "Signature-Input" "Signature") -}}
{{- end -}}
{{- $fields = concat $fields (keys (dig "credentials" "fields" dict $upstream) | sortAlpha) -}}
{{- end -}}
{{- concat $fields (include "gatehouse.credentialFields" . | fromJsonArray) | uniq | toJson -}}
{{- end -}}
{{- end -}}

{{/* Fields in which clients present credentials or name their tenant, as JSON. */}}
{{- define "gatehouse.credentialFields" -}}
{{- $fields := list "Authorization" (default "X-API-Key" (dig "apiKeys" "header" "" .Values.config)) "Cookie" -}}
{{- range default list .Values.config.routes -}}
{{- with dig "tenant" "field" "" . -}}{{- $fields = append $fields . -}}{{- end -}}
{{- end -}}
{{- $fields | uniq | toJson -}}
{{- end -}}

{{/* Fields that a decision may depend on, as JSON, for proxies that send only what they are told to send. */}}
{{- define "gatehouse.requestFields" -}}
{{- if .Values.forwardAuth.requestFields -}}
{{- .Values.forwardAuth.requestFields | toJson -}}
{{- else -}}
{{- concat (include "gatehouse.credentialFields" . | fromJsonArray) (list "Origin" "Sec-Fetch-Site" "Gatehouse-CSRF" "Content-Digest" "X-Forwarded-For" "X-Forwarded-Proto") | toJson -}}
{{- end -}}
{{- end -}}

{{/* What an Ingress of ingress-nginx, or of Traefik's provider for it, needs to ask. */}}
{{- define "gatehouse.ingressNginxAnnotations" -}}
nginx.ingress.kubernetes.io/auth-url: http://{{ include "gatehouse.fullname" . }}-authz.{{ .Release.Namespace }}.svc:{{ .Values.ports.forwardAuth }}/authz/nginx
nginx.ingress.kubernetes.io/auth-response-headers: {{ include "gatehouse.responseFields" . | fromJsonArray | join "," }}
{{- end -}}
