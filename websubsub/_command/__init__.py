"""What the commands do; loaded once the arguments are known to be right."""
