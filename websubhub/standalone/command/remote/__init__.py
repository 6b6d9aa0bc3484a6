"""Commands that inspect and operate a running hub over its admin API."""
