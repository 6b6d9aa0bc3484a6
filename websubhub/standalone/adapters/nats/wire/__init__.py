"""The connection to the servers, and the few JetStream requests that the hub makes."""
