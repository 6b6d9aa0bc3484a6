"""The broker between updates and subscriptions: all of it that is neither a store nor the schedule."""
