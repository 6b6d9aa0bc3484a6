"""The connection to the servers, and the few requests of JetStream that the hub makes."""
