"""The handling of requests to a hub: admission, the answer, verification, and the calls of the service's hooks."""
