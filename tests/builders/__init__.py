"""What several tests build: tiny checkpoints of random weights, and files of every kind."""
