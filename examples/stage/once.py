"""What the everleaf service does: waits for the authority, begins with placeholders, runs once."""

import subprocess
import sys

from parts import CERTIFICATES, everleaf, prepare

prepare()
for name in CERTIFICATES:
    everleaf("placeholder", name)
sys.exit(subprocess.run([sys.executable, "-m", "everleaf", "run"], check=False).returncode)
