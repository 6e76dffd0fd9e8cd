"""Painting: diffusers' pipelines behind one base, for checkpoints in any layout and pictures of any size."""
