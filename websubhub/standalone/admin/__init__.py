"""Inspecting and operating a running hub: operations that map JSON to JSON, and the admin API over HTTP."""
