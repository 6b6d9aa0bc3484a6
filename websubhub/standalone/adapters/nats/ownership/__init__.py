"""Which process delivers to which partition."""
