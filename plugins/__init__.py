"""IGO's bundled plugins, written against the interface that everybody gets."""
