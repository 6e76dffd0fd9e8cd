"""Training: one loop for every model IGO trains, and the tasks that run on it.

``loop`` drives a ``Task`` and knows nothing of what it learns; ``vae``, ``text_encoder`` and ``diffusion`` are such
tasks; ``data`` holds pictures, latents and captions; ``export`` writes what was learned in the layout of diffusers.
Nearly everything here imports torch, so nothing else in ``igo`` imports this package at module level.
"""
