"""What adapters and embeddings are made of: finding and reading their files, the layers that they change, the kinds of
change, and how these get into a pipeline. Its modules import torch inside functions or for themselves alone."""
