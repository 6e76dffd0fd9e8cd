"""Chains: plugins as steps, their order, and how what they answer is put together."""
