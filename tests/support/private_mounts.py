"""File systems of a size, for one test script alone: they end with it.

    if __name__ == "__main__":
        private_mounts.enter()
        unittest.main()
"""

import os
import shutil
import subprocess
import sys
import tempfile

INSIDE = "STREAMSYNC_PRIVATE_MOUNTS"


def enter():
    """Runs the script again in a mount namespace of its own, and without root's rights in a user namespace of its
    own; goes on where the kernel has none for us."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    trial = [*command, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    if INSIDE not in os.environ and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def why_not():
    """None where `mount` works."""
    return None if INSIDE in os.environ else "nothing can be mounted here: neither root's rights nor user namespaces"


def mount(directory, size):
    """A file system with so many bytes, in place of what is there."""
    directory.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", directory], check=True)


def fill(directory, left):
    """A nameless file that leaves so many bytes of room on the disk; to close it gives them back."""
    ballast = tempfile.TemporaryFile(dir=directory)
    os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(directory).free - left)
    return ballast


def unmount(directory):
    subprocess.run(["umount", "--lazy", directory], check=True)
