import shutil
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment import importing
from alignment.models import ImportRun, Source


class Command(BaseCommand):
    help = "Import a catalogue file: CSV, XLSX, JSONL or Shopify's product export. Importing it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="the shop or feed it comes from; made when new")
        parser.add_argument("--language", default="", help="language of a new source's listings where the file does not say")
        parser.add_argument(
            "--map", action="append", default=[], help="FIELD=COLUMN, several with commas; without it, as last confirmed for the source"
        )
        parser.add_argument("--errors", type=Path, help="also write the rows in error to this CSV file")
        parser.add_argument("--complete", action="store_true", help="mark what the file does not have as delisted")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        mapping = {}
        for part in ",".join(options["map"]).split(","):
            if part:
                name, equals, column = part.partition("=")
                if not equals or not name.strip() or not column.strip():
                    raise CommandError(f"--map {part!r} cannot be read; write FIELD=COLUMN, such as title=Name.")
                mapping[name.strip()] = column.strip()
        source, _made = Source.objects.get_or_create(name=options["source"], defaults={"language": options["language"]})
        if options["language"] and source.language != options["language"]:
            if source.language:
                raise CommandError(
                    f"The listings of {source.name} are in {source.language!r}; give another language in a column of the file."
                )
            source.language = options["language"]
            source.save(update_fields=["language"])
        run = ImportRun.objects.create(source=source, file_name=path.name[-255:], mapping=mapping, complete=options["complete"])
        try:
            ignored = importing.run_import(run=run, path=path, progress=self._progress)
        except importing.ImportFailed as error:
            raise CommandError(str(error)) from None
        if sys.stderr.isatty():
            self.stderr.write("")
        if run.status == ImportRun.Status.CANCELLED:
            self.stderr.write("Somebody cancelled it; what was stored until then is in.")
        self.stdout.write(
            f"{run.rows_read} rows: {run.created_count} new, {run.updated_count} changed, {run.unchanged_count} unchanged, "
            f"{run.delisted_count} delisted, {run.error_count} in error."
        )
        if ignored:
            self.stdout.write(f"Columns left out: {', '.join(ignored)}. Name one with --map FIELD=COLUMN, or call it attribute:NAME.")
        if run.error:
            self.stderr.write(run.error)
        for row in run.row_errors.all()[:20]:
            self.stderr.write(f"line {row.line}, {row.column or 'whole line'}: {row.reason}")
        if run.error_count:
            if options["errors"]:
                shutil.copyfile(importing.errors_file(run), options["errors"])
            self.stderr.write(f"All {run.error_count} rows in error are in {importing.errors_file(run)}.")

    def _progress(self, run: ImportRun) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{run.rows_read} rows", ending="")
            self.stderr.flush()
