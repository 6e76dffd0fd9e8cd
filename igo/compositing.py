"""What plugins that paint a part of a picture need: ``igo.images.compositing``, under the name that they know it by."""

from igo.images.compositing import color_matched, composite, context_box, restored_outside, seam_score

__all__ = ["color_matched", "composite", "context_box", "restored_outside", "seam_score"]
