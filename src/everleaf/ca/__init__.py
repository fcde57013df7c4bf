"""One ACME server: the wire, the account, orders and renewal information."""
