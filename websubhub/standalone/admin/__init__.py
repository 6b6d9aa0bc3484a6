"""What operators can see and do in a running hub, as operations from JSON to JSON, and the API over HTTP."""
