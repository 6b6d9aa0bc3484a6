"""The broker between updates and subscriptions, without its stores and its schedule."""
