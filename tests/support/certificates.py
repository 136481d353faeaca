"""Certificates for TLS, made anew by make_certificates.sh: what they are for stands there."""

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "make_certificates.sh"


class Certificates:
    """A CA and what it has issued, in files below `folder`; each has its key beside it."""

    def __init__(self, folder):
        subprocess.run([PROGRAM, folder], check=True)
        self.ca, self.server, self.other_host, self.expired = (
            Path(folder, f"{name}.pem") for name in ("ca", "server", "other-host", "expired")
        )


def bundle(file, *certificates):
    """One file that holds them all."""
    file.write_bytes(b"".join(path.read_bytes() for path in certificates))
    return file
