"""The file: where it is, which one it is, and whether it can be trusted with locks."""

import os
import sys
from pathlib import Path

from cronkit.errors import ConfigurationError, StoreUnavailableError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "glusterfs", "ncpfs", "fuse.sshfs", "fuse.glusterfs")
"""How the names of filesystems begin whose locks or shared memory do not reach from host to host."""

Identity = tuple[int, int]
"""A file's device and inode."""


def identify(path: Path) -> Identity | None:
    """Which file is at ``path``; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailableError(f"{path}: {error.strerror}; let this process read its directory") from error
    return status.st_dev, status.st_ino


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """Refuse a file on a network filesystem, where that can be told (on Linux).

    Raises:
        ConfigurationError: it is on one.
    """
    if not sys.platform.startswith("linux") and mounts is MOUNTS:
        return
    kind = filesystem_of(path, mounts)
    if kind is not None and kind.startswith(NETWORK):
        raise ConfigurationError(
            f"{path} is on a network filesystem ({kind}), where SQLite's locks cannot be relied on: "
            "put the file on a local disk, or use a database server for several hosts"
        )


def filesystem_of(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the filesystem that a path is on, as ``proc(5)`` names it; None if it cannot be told."""
    place = os.path.realpath(path)
    found, kind = "", None
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if len(fields.split()) < 5 or not rest:
            continue
        point = _unescape(fields.split()[4])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found):  # the last mount at a point hides those before it
            found, kind = point, rest.split()[0]
    return kind


def _unescape(field: str) -> str:
    """A path as ``mountinfo`` writes it: space, tab, newline and backslash as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
