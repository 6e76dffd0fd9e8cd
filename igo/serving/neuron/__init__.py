"""Stable Diffusion on AWS Inferentia2, compiled part by part: it has not run on one yet, see docs/serving.md.

What is here runs with the releases that AWS's compiler asks for (diffusers 0.35, transformers 4.57, numpy 1.26), as
with those that IGO asks for elsewhere.
"""
