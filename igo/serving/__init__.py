"""Chains that paint for others: what an IGO request is on the wire, a server of it, and folders to deploy."""
