"""Which delivery is next, and when: pure, without I/O, clock or chance, which are all arguments."""
