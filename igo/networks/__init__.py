"""Real-ESRGAN's two networks, written anew with upstream's names of weights, and the safe way to read their files.

Public: training, the bundled plugin and other people's plugins share them. Its modules import torch; this one doesn't.
"""
