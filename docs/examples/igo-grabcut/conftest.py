"""Fixtures of IGO's kit for plugins: drawn_figure, mini_base, mini_runtime."""

pytest_plugins = ["igo.testing.fixtures"]
