"""What the standalone hub does in the background: delivers, verifies, fetches, tidies up."""
