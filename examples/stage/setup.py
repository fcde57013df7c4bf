"""Makes the certificate of Pebble's own listener, once, for its address and name."""

import sys
from pathlib import Path

from everleaf.demo.listener import make_listener_certificate

folder = Path(sys.argv[1])
if not (folder / "listener.key").exists():
    make_listener_certificate(folder, "10.77.0.2", "pebble")
