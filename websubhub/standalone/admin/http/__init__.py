"""The admin API over HTTP: routes, tokens, health, readiness and metrics."""
