"""The commands, imported after the arguments have been parsed."""
