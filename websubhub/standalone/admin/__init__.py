"""The admin API for operators, readiness and metrics."""
