"""Inspecting and operating a running hub: operations from JSON to JSON, and the admin API over HTTP."""
