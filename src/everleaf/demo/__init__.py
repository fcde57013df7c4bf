"""`everleaf demo`: a local authority, a TLS server, and a certificate's whole life on loopback."""
