"""Spans of OpenTelemetry for what a hub does, from a publish over a fetch to each attempt at a delivery."""
