"""The hub on NATS JetStream: any number of processes are one hub."""
