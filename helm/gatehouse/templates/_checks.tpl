{{/* Refuses what would render and not work, or would work and not be safe. */}}
{{- define "gatehouse.checks" -}}
{{- include "gatehouse.checkConfig" . -}}
{{- include "gatehouse.checkStore" . -}}
{{- include "gatehouse.checkMode" . -}}
{{- include "gatehouse.checkSurroundings" . -}}
{{- end -}}

{{- define "gatehouse.checkConfig" -}}
{{- if and .Values.config .Values.existingConfig.configMap -}}
{{- fail "config and existingConfig.configMap are both set: the configuration is in one of them" -}}
{{- end -}}
{{- if not (or .Values.config .Values.existingConfig.configMap) -}}
{{- fail "there is no configuration: set config (the Gatehouse YAML) or existingConfig.configMap" -}}
{{- end -}}
{{- $listen := default dict .Values.config.listen -}}
{{- $public := default "" $listen.public -}}
{{- $publicAddress := ternary (dig "address" "" (ternary $public dict (kindIs "map" $public))) $public (kindIs "map" $public) -}}
{{- include "gatehouse.checkPort" (list "listen.public" $publicAddress "public" .Values.ports.public) -}}
{{- include "gatehouse.checkPort" (list "listen.ops" (default "" $listen.ops) "ops" .Values.ports.ops) -}}
{{- if eq .Values.mode "forwardAuth" -}}
{{- $forwardAuth := default dict $listen.forwardAuth -}}
{{- include "gatehouse.checkPort" (list "listen.forwardAuth.address" (default "" $forwardAuth.address) "forwardAuth" .Values.ports.forwardAuth) -}}
{{- include "gatehouse.checkPort" (list "listen.forwardAuth.grpc" (default "" $forwardAuth.grpc) "grpc" .Values.ports.grpc) -}}
{{- end -}}
{{- end -}}

{{/* Of (path, address, name of the port, port). An address that is not there has its default, or is in a ConfigMap. */}}
{{- define "gatehouse.checkPort" -}}
{{- $path := index . 0 -}}
{{- $address := index . 1 -}}
{{- if $address -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" $address -}}
{{- fail (printf "config.%s is %s: neither the kubelet nor a Service reaches the loopback of a pod" $path $address) -}}
{{- end -}}
{{- if ne (regexFind "[0-9]+$" $address) (toString (index . 3)) -}}
{{- fail (printf "config.%s is %s, and ports.%s is %v: set both to the same port" $path $address (index . 2) (index . 3)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.checkStore" -}}
{{- if eq (include "gatehouse.store" .) "embedded" -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail (printf "replicas is %d, and the embedded store is for one process: configure store.redis, or run one replica" (int .Values.replicas)) -}}
{{- end -}}
{{- if gt (int (default 1 .Values.config.workers)) 1 -}}
{{- fail (printf "config.workers is %d, and the embedded store is for one process: configure store.redis" (int .Values.config.workers)) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled with the embedded store, which is for one process: configure store.redis" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.checkMode" -}}
{{- if eq .Values.mode "forwardAuth" -}}
{{- if not .Values.existingConfig.configMap -}}
{{- $peers := dig "listen" "forwardAuth" "peers" list .Values.config -}}
{{- if not $peers -}}
{{- fail "mode forwardAuth without config.listen.forwardAuth.peers: list the addresses of the proxies that may ask, such as [10.20.0.0/16]" -}}
{{- end -}}
{{- range $peers -}}
{{- if hasSuffix "/0" (toString .) -}}
{{- fail (printf "config.listen.forwardAuth.peers has %s, which lets everybody ask: list the proxies" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.forwardAuth.envoyGateway.enabled (not .Values.forwardAuth.envoyGateway.targetRefs) -}}
{{- fail "forwardAuth.envoyGateway.targetRefs is empty: name the HTTPRoutes or Gateways that ask" -}}
{{- end -}}
{{- $asksGrpc := or .Values.forwardAuth.istio.enabled (and .Values.forwardAuth.envoyGateway.enabled (eq .Values.forwardAuth.envoyGateway.protocol "grpc")) -}}
{{- if and $asksGrpc (not (include "gatehouse.hasGrpc" .)) -}}
{{- fail "Envoy is to ask by gRPC, and config.listen.forwardAuth.grpc is not set: set it, such as 0.0.0.0:8083" -}}
{{- end -}}
{{- else -}}
{{- range $proxy := list "traefik" "envoyGateway" "istio" -}}
{{- if (index $.Values.forwardAuth $proxy).enabled -}}
{{- fail (printf "forwardAuth.%s.enabled needs mode: forwardAuth" $proxy) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.checkSurroundings" -}}
{{- $needed := int (include "gatehouse.stopSeconds" .) -}}
{{- if le (int (include "gatehouse.gracePeriod" .)) $needed -}}
{{- fail (printf "terminationGracePeriodSeconds is %s, and preStopSeconds, shutdown.delay and shutdown.drain take %d: requests would be cut" (include "gatehouse.gracePeriod" .) $needed) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor are both enabled: everything would be counted twice" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is empty: name the Gateway" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts is empty: name a host, and its paths" -}}
{{- end -}}
{{- with .Values.networkPolicy -}}
{{- if .enabled -}}
{{- if and (eq $.Values.mode "standalone") (not .egress.upstreams.to) -}}
{{- fail "networkPolicy.egress.upstreams.to is empty: nothing could be forwarded" -}}
{{- end -}}
{{- if and (eq (include "gatehouse.store" $) "redis") (not .egress.redis.to) -}}
{{- fail "networkPolicy.egress.redis.to is empty: the store could not be reached" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
