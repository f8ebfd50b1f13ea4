// Package deploy is alert rules for Prometheus and a dashboard for Grafana: alerts.yaml and dashboard.json, and the tests
// that every metric in them is exported by otelrekey, under the name that Prometheus sees.
package deploy
