"""The stored state of a subscriber's subscriptions, in memory or in a file."""
