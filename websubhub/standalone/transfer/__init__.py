"""Moving a hub from one store to another, by a file."""
