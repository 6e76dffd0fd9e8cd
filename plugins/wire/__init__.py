"""What ``Remote`` is made of: connections to a server that speaks KServe v2."""
