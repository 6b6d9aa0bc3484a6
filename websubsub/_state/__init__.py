"""What a subscriber remembers of its subscriptions, in memory or in a file."""
