"""Files of records: written whole or not at all, refused when damaged."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from memnets.tasks import Task, make_task

# What a damaged file can raise while it is read.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class Record:
    """Plain arrays and settings that save to one file and load from it.

    A subclass is a dataclass with a field `settings`. It says its `formats`,
    the newest first, and in `pack`, `unpack` and `agrees` how its fields
    become named arrays and back.
    """

    formats: ClassVar[tuple[str, ...]]
    settings: dict

    @property
    def task(self) -> Task:
        """The task, made again from the settings."""
        return make_task(self.settings["task"])

    def pack(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Return the settings and the arrays of the file."""
        raise NotImplementedError

    @classmethod
    def unpack(cls, settings: dict, arrays: dict[str, np.ndarray]):
        """Return the record of what `pack` returned."""
        raise NotImplementedError

    def agrees(self) -> bool:
        """Whether the shapes of the arrays belong together."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike) -> None:
        """Write the record to one `.npz` file, completely or not at all."""
        settings, arrays = self.pack()
        text = json.dumps(settings, default=_plain, sort_keys=True)
        with replacing(path) as temporary, open(temporary, "wb") as file:
            said = {"format": np.array(self.formats[0])}
            said["settings"] = np.array(text)
            np.savez_compressed(file, **said, **arrays)  # type: ignore

    @classmethod
    def load(cls, path: str | os.PathLike):
        """Read a record from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or holds another kind of record.
        """
        return read(path, (cls,))


def read(path: str | os.PathLike, kinds: tuple[type[Record], ...]):
    """Read a record whose kind is told by the format that the file names.

    Args:
        path: The `.npz` file.
        kinds: The classes of records that will do.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds another kind of record.
    """
    by_format = {form: kind for kind in kinds for form in kind.formats}
    try:
        with (
            open(path, "rb") as whole,
            np.load(whole, allow_pickle=False) as file,
        ):
            arrays = dict(file)
        kind = by_format[str(arrays.pop("format"))]
        record = kind.unpack(json.loads(str(arrays.pop("settings"))), arrays)
        if not record.agrees():
            raise ValueError("its arrays do not fit together")
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except DAMAGE as error:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(
            f"{os.fspath(path)} is not a file of memnets with the {names} it "
            f"should hold, or it is damaged"
        ) from error
    return record


def check_record(argument: str, value: object, kind: type) -> None:
    """Refuse anything but a record of a kind.

    >>> check_record("run", 3, Record)
    Traceback (most recent call last):
    TypeError: run must be a Record, got int
    """
    if not isinstance(value, kind):
        raise TypeError(
            f"{argument} must be a {kind.__name__}, got {type(value).__name__}"
        )


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
    """Give a temporary name to write to, and move it to `path` at the end.

    A crash on the way leaves the old file, or none.
    """
    path = pathlib.Path(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        yield temporary
        # mkstemp makes a private file; give it a new file's usual rights.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _plain(value):
    """Turn NumPy's numbers into Python's, for JSON."""
    return value.item() if isinstance(value, np.generic) else list(value)
