"""Adapters (LoRA): a style, or several subjects that are told apart."""
