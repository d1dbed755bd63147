"""A catalogue file in; SKUs and row errors out."""

from alignment.importing.readers import FileError
from alignment.importing.run import ImportFailed, errors_file, resume, run_import, start

__all__ = ["FileError", "ImportFailed", "errors_file", "resume", "run_import", "start"]
