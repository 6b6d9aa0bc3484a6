"""How updates reach subscriptions, whatever keeps them: everything of it that is neither a store nor the schedule."""
