"""Checkpoints: what is in a folder, a repository or a file, whether all of it is there, and a pipeline made of it."""
