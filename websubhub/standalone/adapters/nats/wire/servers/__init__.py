"""Which of the servers a process is connected to."""
