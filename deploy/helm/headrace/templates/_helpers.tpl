{{- define "headrace.name" -}}
{{- if contains "headrace" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-headrace" (.Release.Name | trunc 41 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "headrace.selector" -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "headrace.labels" -}}
{{ include "headrace.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "headrace.image" -}}
{{ required "image.repository is missing: where your registry has the image that `make image` builds" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "headrace.serviceAccount" -}}
{{ if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "headrace.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* How callers reach the server: what the settings say, the ingress, or the service. */}}
{{- define "headrace.publicUrl" -}}
{{- if .Values.settings.HEADRACE_PUBLIC_URL }}{{ .Values.settings.HEADRACE_PUBLIC_URL }}
{{- else if .Values.ingress.enabled }}{{ ternary "https" "http" (ne .Values.ingress.tlsSecret "") }}://{{ .Values.ingress.host }}
{{- else }}http://{{ include "headrace.name" . }}.{{ .Release.Namespace }}.svc{{ if ne (int .Values.service.port) 80 }}:{{ .Values.service.port }}{{ end }}
{{- end }}
{{- end }}

{{- define "headrace.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
# Always would open the master key to the group at each start, and the server refuses such a key.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headrace.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "headrace.environment" -}}
env:
  {{- $settings := merge (dict) .Values.settings (dict "HEADRACE_PUBLIC_URL" (include "headrace.publicUrl" .)) }}
  {{- if .Values.masterKey.existingSecret }}
  {{- $_ := set $settings "HEADRACE_MASTER_KEY_FILE" "/run/key/master.key" }}
  {{- end }}
  {{- range $name, $value := $settings }}
  - name: {{ $name }}
    {{- /* toJson writes large numbers out, where quote would say 5e+09. */}}
    value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
  {{- end }}
{{- with .Values.existingSecret }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end }}

{{/* Kubernetes lets the group read a secret's file, and the server refuses such a key: it is given a copy. */}}
{{- define "headrace.keyCopier" -}}
{{- if .Values.masterKey.existingSecret -}}
initContainers:
  - name: key
    image: {{ include "headrace.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: [install, --mode=0400, /run/secret/master.key, /run/key/master.key]
    securityContext: {{- include "headrace.containerSecurity" . | nindent 6 }}
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {memory: 64Mi}
    volumeMounts:
      - {name: master-key-secret, mountPath: /run/secret, readOnly: true}
      - {name: master-key, mountPath: /run/key}
{{- end }}
{{- end }}

{{- define "headrace.keyMount" -}}
{{- if .Values.masterKey.existingSecret -}}
- {name: master-key, mountPath: /run/key, readOnly: true}
{{- end }}
{{- end }}

{{- define "headrace.keyVolumes" -}}
{{- if .Values.masterKey.existingSecret -}}
- name: master-key-secret
  secret:
    secretName: {{ .Values.masterKey.existingSecret }}
    defaultMode: 0400
    optional: false
    items:
      - {key: {{ .Values.masterKey.key }}, path: master.key}
- name: master-key
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- end }}
