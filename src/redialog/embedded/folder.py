"""The folder of an embedded store: where it is, whose it is, and the record of who wrote it.

What holds between engines was measured with redis 7.0.15 and valkey 9.1.2 on one folder, written
with ``aof-use-rdb-preamble no``, rewritten with BGREWRITEAOF and appended to:

- each reads what the other wrote, in both directions: the file is plain commands;
- a base that is a snapshot (``*.base.rdb``, magic VALKEY080) ends redis 7.0 with "Bad file format";
- an unknown command ends both at once (nothing is changed), but an unknown *option* of a known
  command (``SET a 2 XXEQQ 1``) is skipped in silence.

So another engine is let in only where each base file is plain commands, and it can lose nothing,
because redialog sends only commands and options of Redis 7.0. The same engine is never downgraded
below the newest major.minor that wrote here; the record keeps that per engine, so that a detour
over the other engine does not forget it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from redialog.embedded.ground import SOCKET_NAME
from redialog.embedded.locate import OVERRIDE, Binary, minor
from redialog.errors import ConfigurationError, EmbeddedError

LAYOUT = 1
RECORD_NAME = "record.json"
AOF_NAME = "appendonlydir"
# sun_path, the terminating zero included: 108 bytes on Linux, 104 on macOS.
_SOCKET_PATH_LIMIT = 104 if sys.platform == "darwin" else 108


def default_folder() -> Path:
    """The folder of the embedded store where none is named.

    Returns:
        ``$REDIALOG_HOME``, else ``$XDG_DATA_HOME/redialog``, else ``~/.local/share/redialog``
        (macOS: ``~/Library/Application Support/redialog``).
    """
    if home := os.environ.get("REDIALOG_HOME"):
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME", "")
    if Path(data).is_absolute():  # the XDG specification: a relative one is to be ignored
        return Path(data, "redialog")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "redialog"
    return Path.home() / ".local" / "share" / "redialog"


def full(error: BaseException) -> bool:
    """Whether the system refused for want of space."""
    return getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def remedy(error: BaseException) -> str:
    """What to do where the system refuses the folder or a file in it."""
    if full(error):
        return "free space there, or choose another folder"
    if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
        return "close some, or raise the limit"
    return "correct its permissions, or choose another folder"


def prepare(folder: Path) -> Path:
    """Creates the folder where it is missing, refuses an unsuitable one, and resolves its path.

    Raises:
        ConfigurationError: it is a file, not writable, another user's, or open to others.
        EmbeddedError: there is no space to create it.
    """
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = folder.resolve()
        state = folder.stat()
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(
            f"the folder of the embedded store, {folder}, is a file or lies below one: "
            "choose another path"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise (EmbeddedError if full(error) else ConfigurationError)(
            f"the folder of the embedded store, {folder}, cannot be used ({why}): {remedy(error)}"
        ) from error
    if state.st_uid != os.geteuid():
        raise ConfigurationError(
            f"the folder of the embedded store, {folder}, belongs to another user (uid "
            f"{state.st_uid}): choose a folder of your own"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"the folder of the embedded store, {folder}, is not writable: correct its permissions "
            "or choose another"
        )
    if stat.S_IMODE(state.st_mode) & 0o077:
        _narrow(folder, stat.S_IMODE(state.st_mode))
    return folder


def _narrow(folder: Path, mode: int) -> None:
    """Makes an empty folder private; one with other contents must at least not be writable."""
    if not any(folder.iterdir()):
        folder.chmod(0o700)
    elif mode & 0o022:
        raise ConfigurationError(
            f"the folder of the embedded store, {folder}, is writable by others, who could replace "
            "its socket: chmod 700 it or choose another"
        )


def socket_path(folder: Path) -> Path:
    """Where the server of ``folder`` listens: inside it, or in /tmp where that is too long.

    The short place is named by the folder's device and inode, so that a moved folder finds its
    running server and a copy never finds the original's. It is always below /tmp, never below
    $XDG_RUNTIME_DIR or $TMPDIR: those differ between two processes of one user (cron, sudo, a
    service), which then would not meet.
    """
    inside = folder / SOCKET_NAME
    if len(os.fsencode(inside)) < _SOCKET_PATH_LIMIT:
        return inside
    from hashlib import blake2b

    state = folder.stat()
    name = blake2b(f"{state.st_dev}:{state.st_ino}".encode(), digest_size=8).hexdigest()
    short = Path("/tmp") / f"redialog-{os.geteuid()}-{name}"  # noqa: S108 - verified below
    _verify(short)
    return short / SOCKET_NAME


def shelter(socket: Path, folder: Path) -> None:
    """Creates the short folder for a socket that does not lie in the store's own.

    Only under the start lock: whoever stops a server removes the folder again.

    Raises:
        ConfigurationError: it cannot be created, or another user's stands in its place.
    """
    if socket.parent == folder:
        return
    try:
        socket.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the path of the embedded store is too long for a socket, and {socket.parent} cannot "
            f"be created instead ({error.strerror}): choose a shorter folder"
        ) from error
    _verify(socket.parent)


def _verify(short: Path) -> None:
    """Refuses a short folder that somebody else may have prepared; /tmp is everybody's."""
    try:
        found = short.lstat()
    except FileNotFoundError:
        return
    private = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or not private:
        raise ConfigurationError(
            f"{short}, needed because the path of the embedded store is too long for a socket, is "
            "not a private folder of this user: remove it, or choose a shorter folder"
        )


class Record:
    """What the folder remembers; nothing in it depends on where the folder lies.

    Args:
        newest: the newest version that wrote here, by engine.
        binary: the executable of the last start, a cache.
    """

    def __init__(self, newest: dict[str, str], binary: Binary | None) -> None:
        self.newest = newest
        self.binary = binary

    @classmethod
    def load(cls, folder: Path) -> Record:
        """Reads the record; a new folder has an empty one.

        Raises:
            EmbeddedError: it is damaged, or of a newer layout.
            OSError: it may not be read.
        """
        import json

        path = folder / RECORD_NAME
        try:
            fields = json.loads(path.read_bytes())
            layout = int(fields["layout"])
            newest = {str(name): str(version) for name, version in fields["newest"].items()}
            for version in newest.values():
                minor(version)
            binary = Binary(*map(str, fields["binary"])) if fields.get("binary") else None
        except FileNotFoundError:
            return cls({}, None)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EmbeddedError(
                f"{path} cannot be read ({type(error).__name__}): restore it, or delete it if the "
                "folder was never used by a newer server than the one installed"
            ) from error
        if layout > LAYOUT:
            raise EmbeddedError(
                f"{folder} has layout {layout}, this redialog knows {LAYOUT}: upgrade redialog"
            )
        return cls(newest, binary)

    def admit(self, binary: Binary, folder: Path) -> None:
        """Lets ``binary`` write here, or not (the rule is in the module's docstring).

        Raises:
            EmbeddedError: it might not read all that is there; nothing was touched.
        """
        before = self.newest.get(binary.engine)
        if before and minor(binary.version) < minor(before):
            raise EmbeddedError(
                f"{folder} was last used by {binary.engine} {before}, but {binary.path} is "
                f"{binary.engine} {binary.version}: install {binary.engine} {before} or newer, or "
                f"name one that is installed in {OVERRIDE}"
            )
        others = {name: v for name, v in self.newest.items() if name != binary.engine}
        changes = others and (self.binary is None or self.binary.engine != binary.engine)
        if changes and (base := _snapshot(folder)):
            wrote = " and ".join(f"{name} {version}" for name, version in others.items())
            raise EmbeddedError(
                f"{folder} was last used by {wrote}, and {base} is in a format that "
                f"{binary.engine} {binary.version} may not read: use that engine again"
            )

    def note(self, binary: Binary, folder: Path) -> None:
        """Remembers that ``binary`` writes here; writes only what is new.

        Raises:
            OSError: it could not be written; the old record is untouched.
        """
        before = self.newest.get(binary.engine)
        if before == binary.version and self.binary == binary:
            return
        if before is None or minor(before) <= minor(binary.version):
            self.newest[binary.engine] = binary.version
        self.binary = binary
        import json

        fields = {"layout": LAYOUT, "newest": self.newest, "binary": list(binary)}
        fresh = folder / f"{RECORD_NAME}.new"
        try:
            with open(fresh, "w", encoding="utf-8", opener=private) as file:
                json.dump(fields, file, indent=1)
                file.flush()
                # Without it, a power cut after the rename can leave an empty record.
                os.fsync(file.fileno())
            fresh.replace(folder / RECORD_NAME)
        finally:
            fresh.unlink(missing_ok=True)


def private(path: str, flags: int) -> int:
    """An opener for files that only the user may read."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _snapshot(folder: Path) -> str:
    """The name of a base file that is not plain commands, or an empty text."""
    aof = folder / AOF_NAME
    for path in aof.iterdir() if aof.is_dir() else ():
        with path.open("rb") as file:
            if file.read(5) in {b"REDIS", b"VALKE"}:
                return path.name
    return ""
