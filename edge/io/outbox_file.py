"""[io] The outbox's file: an SQLite database of the messages that the broker has not acknowledged yet.

Written in WAL mode with `synchronous = FULL`, so that what `sync` has taken survives `kill -9` and a power cut, and
locked by one process at a time. All methods are called by one thread.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable
from pathlib import Path

from edge.messages import Key, Message

APPLICATION_ID = 0x48574F42
"""``HWOB`` in the file's header: a database without it, that has tables, is somebody else's."""
PAGE_BYTES = 4096
WAL_PAGES = 64
SPARE_PAGES = 8
MAX_ASIDE = 9
PART = 16
"""Messages of one transaction: few, so that a full file can let older ones go for them."""
TABLES = ("plain", "lethal")
"""Apart, so that the oldest of the plain ones lie together and leave whole pages free; `id` is one order for both."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS {} (
    id INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL, seq INTEGER NOT NULL,
    topic TEXT NOT NULL, payload BLOB NOT NULL,
    retain INTEGER NOT NULL,
    UNIQUE (boot_id, seq)
)
"""
_COLUMNS = "id, boot_id, seq, topic, payload, retain"


class OutboxTrouble(Exception):
    """The file cannot be used now; the text says why, in words fit for a log line."""


class OutboxDamaged(OutboxTrouble):
    """What is in the file is no database any more."""


class OutboxFile:
    """The database.

    Parameters
    ----------
    path : Path
        Of the file; folders on the way are made. Readable by its owner alone.
    max_bytes : int
        Most bytes of the database. When it is full the oldest messages that are no lethal alarms leave it.

    Attributes
    ----------
    n_pushed_out : int
        Messages that left the file for want of room. They are still in memory.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_pages = max(16, max_bytes // PAGE_BYTES)
        self._db: sqlite3.Connection | None = None
        self._next_id = 0
        self.n_pushed_out = 0

    def load(self) -> list[Message]:
        """What waits, the oldest first.

        Raises
        ------
        OutboxDamaged
            The file must be set aside.
        OutboxTrouble
            The disk, the place or another process does not allow it.
        """
        try:
            each = (f"SELECT {_COLUMNS}, {keep} FROM {table}" for keep, table in enumerate(TABLES))
            rows = self._opened().execute(" UNION ALL ".join(each) + " ORDER BY id")
            return [
                Message(topic, payload, bool(retain), 1, bool(keep), (boot_id, seq))
                for _, boot_id, seq, topic, payload, retain, keep in rows
                if _is_sound(topic, payload, boot_id, seq)
            ]
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise self._trouble(error) from None

    def sync(self, fresh: Iterable[Message], gone: Iterable[Key]) -> None:
        """Forget `gone`, add `fresh`. A newer retained message replaces the one of its topic.

        Raises
        ------
        OutboxDamaged, OutboxTrouble
            As `load`.
        """
        fresh, gone = list(fresh), list(gone)
        try:
            db = self._opened()
            for k in range(0, max(1, len(fresh)), PART):
                self._write_whole(db, fresh[k : k + PART], gone if k == 0 else [])
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from None

    def set_aside(self) -> Path:
        """Give the file, and its log, another name; the name. The next call begins a new one."""
        self.close()
        names = [self.path.with_name(f"{self.path.name}.corrupt-{n}") for n in range(1, MAX_ASIDE + 1)]
        aside = next((name for name in names if not name.exists()), names[-1])
        try:
            for end in ("-wal", "-shm"):
                beside = self.path.with_name(self.path.name + end)
                if beside.exists():
                    beside.replace(aside.with_name(aside.name + end))
            self.path.replace(aside)
        except OSError as error:
            raise OutboxTrouble(f"{self.path}: cannot be set aside: {error.strerror or error}") from None
        return aside

    def close(self) -> None:
        """Let go of the file. Twice does nothing."""
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except sqlite3.Error:
                return  # a damaged file cannot be closed well; its descriptor is gone all the same

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise OutboxTrouble(f"{self.path}: is no plain file")
            finally:
                os.close(handle)
            db = sqlite3.connect(self.path, timeout=0.0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (n_tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if n_tables and owner != APPLICATION_ID:
            raise OutboxTrouble(f"{self.path}: is the database of another program; name another file")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise OutboxDamaged(f"{self.path}: {verdict}")
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE_BYTES}")
        db.execute(f"PRAGMA cache_size = {WAL_PAGES}")
        db.execute(f"PRAGMA max_page_count = {self._max_pages}")
        if not n_tables:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        newest = -1
        for table in TABLES:
            db.execute(_SCHEMA.format(table))
            newest = max(newest, db.execute(f"SELECT coalesce(max(id), -1) FROM {table}").fetchone()[0])
        self._next_id = newest + 1

    def _write_whole(self, db: sqlite3.Connection, fresh: list[Message], gone: list[Key]) -> None:
        """One transaction, again for as long as room can be made for it."""
        while True:
            try:
                self._write(db, fresh, gone)
                return
            except sqlite3.OperationalError as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if "full" not in str(error) or not self._make_room(db, fresh):
                    raise

    def _write(self, db: sqlite3.Connection, fresh: list[Message], gone: list[Key]) -> None:
        db.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            db.executemany(f"DELETE FROM {table} WHERE boot_id = ? AND seq = ?", gone)
        for message in fresh:
            assert message.key is not None
            if message.retain:
                for table in TABLES:
                    db.execute(f"DELETE FROM {table} WHERE retain = 1 AND topic = ?", (message.topic,))
            row = (self._next_id, *message.key, message.topic, message.payload, message.retain)
            db.execute(f"INSERT OR IGNORE INTO {TABLES[message.keep]} ({_COLUMNS}) VALUES (?,?,?,?,?,?)", row)
            self._next_id += 1
        db.execute("COMMIT")

    def _make_room(self, db: sqlite3.Connection, fresh: list[Message]) -> bool:
        """If the file is as big as it may be: let an eighth of what is no lethal alarm go, the oldest first."""
        (n_pages,) = db.execute("PRAGMA page_count").fetchone()
        (n_free,) = db.execute("PRAGMA freelist_count").fetchone()
        n_wanted = SPARE_PAGES + 2 * sum(len(m.payload) + len(m.topic) for m in fresh) // PAGE_BYTES
        if n_pages - n_free + n_wanted < self._max_pages:
            return False  # it is the disk that is full
        plain = TABLES[0]
        (n,) = db.execute(f"SELECT count(*) FROM {plain}").fetchone()
        oldest = f"SELECT id FROM {plain} ORDER BY id LIMIT ?"
        done = db.execute(f"DELETE FROM {plain} WHERE id IN ({oldest})", (max(1, n // 8),))
        self.n_pushed_out += done.rowcount
        return done.rowcount > 0

    def _trouble(self, error: Exception) -> OutboxTrouble:
        """What `error` means: damaged is what SQLite calls an error of the database and of nothing else."""
        if type(error) is sqlite3.DatabaseError or isinstance(error, UnicodeDecodeError):
            self.close()
            return OutboxDamaged(f"{self.path}: {error}")
        if isinstance(error, OSError):
            return OutboxTrouble(f"{self.path}: {error.strerror or error}")
        if "locked" in str(error):
            return OutboxTrouble(
                f"{self.path}: another monitor has it open; give each its own device or file"
            )
        self.close()
        return OutboxTrouble(f"{self.path}: {error}")


def _is_sound(topic: object, payload: object, boot_id: object, seq: object) -> bool:
    """Whether a row holds what `sync` writes: SQLite lets anybody store anything anywhere."""
    kinds = isinstance(topic, str) and isinstance(payload, bytes) and isinstance(boot_id, str)
    return kinds and isinstance(seq, int)
