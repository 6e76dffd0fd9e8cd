"""How the embedded models are made: the recipes of `mini`, the family of small models that IGO carries.

Its modules draw, train and export, and import what is heavy; the finished weights are ``igo.embedded``'s.
"""

from igo.embedded import path as path  # where it was before the weights had a place of their own
