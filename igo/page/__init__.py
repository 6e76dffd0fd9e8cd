"""The page: chains for whoever would rather see than type. Gradio is imported by what opens it, and by nothing else."""
