"""The hub on NATS JetStream: any number of processes form one hub."""
