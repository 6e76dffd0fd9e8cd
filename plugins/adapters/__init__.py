"""What adapters and embeddings are made of: files, the layers that their keys name, the kinds of change, and how these
get into a pipeline."""
