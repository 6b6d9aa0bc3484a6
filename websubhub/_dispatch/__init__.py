"""What becomes of a request to a hub: admitted, answered, verified, and the service told."""
