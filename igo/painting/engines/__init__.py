"""Engines: what computes a pipeline's networks faster than plain torch, each held against plain torch as it is used.

A network keeps its place, its weights and its attributes; only its ``forward`` is another one, which asks the engine
and, for what that can't serve, the plain network. ``igo_plugins.Acceleration`` is how chains get there.
"""
