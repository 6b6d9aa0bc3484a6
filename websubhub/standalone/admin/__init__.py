"""What operators see and do: the admin API, readiness and metrics."""
