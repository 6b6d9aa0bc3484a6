"""OpenTelemetry spans for a hub's work, from a publish through a fetch to each delivery attempt."""
