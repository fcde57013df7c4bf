"""Computing on keys, requests and certificates: bytes in, values out, no input or output."""
