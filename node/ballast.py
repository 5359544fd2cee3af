"""A file that holds room on the disk, given up when the disk is full so that what is urgent still finds a place."""

import logging
import os
from pathlib import Path

from node.errors import StorageFull

log = logging.getLogger(__name__)

MARGIN_BYTES = 4 * 1024 * 1024


class Ballast:
    """Room for urgent steps on a full disk; recovers alone when there is space again."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        """Occupy the room now, or note that there is none."""
        self._file = folder / "ballast"
        self._size = size_bytes
        self.is_given_up = not self._occupy()

    def check_room(self) -> None:
        """Refuse an ordinary step while the ballast is gone and does not fit again."""
        if not self.is_given_up:
            return
        disk = os.statvfs(self._file.parent)
        if disk.f_bavail * disk.f_frsize < self._size + MARGIN_BYTES or not self._occupy():
            raise StorageFull("chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ")
        self.is_given_up = False
        log.warning("the disk has room again; ordinary writes are accepted")

    def give_up(self) -> None:
        """Free the room; what was refused before may be tried again by those that are urgent."""
        if not self.is_given_up:
            log.error("the disk is full: the ballast is given up, only urgent writes are accepted")
        self.is_given_up = True
        self._file.unlink(missing_ok=True)

    def _occupy(self) -> bool:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:
            self._file.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True
