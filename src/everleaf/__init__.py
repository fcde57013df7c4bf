"""everleaf renews TLS certificates and is done when every edge is seen serving them."""

__version__ = "0.1.0"
