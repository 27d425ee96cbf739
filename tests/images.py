"""Root file systems that tests make for themselves; nothing is fetched."""

import io
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/bin/busybox")


def busybox_rootfs(passwd: str = "", group: str = "") -> bytes:
    """Return a tar of a root file system that holds busybox and nothing else. passwd, group: further lines."""
    names = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "root", "home", "var/www", "usr/share"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for path, text in (
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n" + passwd),
            ("etc/group", "root:x:0:\nweb:x:33:\n" + group),
        ):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
        entry = tar.gettarinfo(str(BUSYBOX), "bin/busybox")
        entry.uid = entry.gid = 0
        with BUSYBOX.open("rb") as binary:
            tar.addfile(entry, binary)
        for name in names:
            if name != "busybox":
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(entry)
    return buffer.getvalue()
