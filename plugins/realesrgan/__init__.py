"""What upscaling is made of: models and their files, tiles, and the backends that enlarge a piece of a picture.

Its modules import torch, ncnn or realesrgan where they use them; this one imports nothing.
"""
