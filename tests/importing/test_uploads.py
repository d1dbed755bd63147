"""A file is looked at before anything of it is stored: what is found, what is corrected, what is refused."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from django.utils import timezone

from alignment import candidate_runs, importing, runs
from alignment.importing import readers, rows, store, uploads
from alignment.models import SKU, CandidateRun, Category, ImportRun, Source, TextVersion, Upload
from tests import factories

pytestmark = pytest.mark.django_db
GERMAN = "Artikelnummer;Titel;EAN;Farbe\n1;Wasserkocher aus Edelstahl mit Temperaturwahl;4006381333931;rot\n2;Kabellose Kopfhörer;12;blau\n"


def keep(text: str | bytes, name: str = "feed.csv", source: str = "Shop", encoding: str = "utf-8", **options: bool) -> Upload:
    content = text if isinstance(text, bytes) else text.encode(encoding)
    values = {"complete": False, "then_candidates": False} | options
    return uploads.keep(upload=BytesIO(content), file_name=name, source_name=source, author=factories.make_admin(), **values)


def imported(kept: Upload) -> ImportRun:
    run = uploads.start(kept, by=factories.make_admin())
    importing.resume(run.pk)
    run.refresh_from_db()
    return run


def test_encoding_delimiter_columns_language_and_rows_are_found_and_nothing_is_stored() -> None:
    kept = keep(GERMAN)
    shown = uploads.preview(kept)
    assert (kept.encoding, kept.delimiter, kept.rows_total, kept.rows_exact) == ("utf-8-sig", ";", 2, True)
    assert {name: column for name, column in kept.mapping.items() if column} == {
        "external_id": "Artikelnummer",
        "title": "Titel",
        "gtin": "EAN",
    }
    assert shown.detected is not None and shown.detected[0] == "de" and shown.detected[1] > 0.5
    assert kept.language == "de"
    assert shown.left_out == ["Farbe"]
    assert not (SKU.objects.exists() or Source.objects.exists() or ImportRun.objects.exists())


def test_the_first_rows_are_shown_as_they_would_be_stored_with_their_errors() -> None:
    first, second = uploads.preview(keep(GERMAN)).rows
    assert first.read.listing is not None and first.read.listing.gtin == "04006381333931"
    assert second.read.error is not None and second.read.error.column == "EAN"


def test_what_is_imported_is_what_was_shown() -> None:
    kept = keep(GERMAN)
    mapping = kept.mapping | {"gtin": "", "attribute:Farbe": "Farbe"}
    uploads.correct(kept, encoding=kept.encoding, delimiter=kept.delimiter, language="de", mapping=mapping)
    shown = [row.read.listing for row in uploads.preview(kept).rows]
    run = imported(kept)
    assert (run.status, run.created_count, run.error_count, run.rows_total) == ("done", 2, 0, 2)
    for sku, listing in zip(SKU.objects.order_by("external_id"), shown, strict=True):
        assert listing is not None
        assert (sku.title, sku.attributes, sku.gtin, sku.language) == (listing.title, listing.attributes, "", "de")
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Offer_ID,Product Title,Barcode", {"external_id": "Offer_ID", "title": "Product Title", "gtin": "Barcode"}),
        ("货号,商品名称,条码,类目", {"external_id": "货号", "title": "商品名称", "gtin": "条码", "category": "类目"}),
        ("Référence,Désignation,Catégorie", {"external_id": "Référence", "title": "Désignation", "category": "Catégorie"}),
        ("Código,Título,Descripción", {"external_id": "Código", "title": "Título", "description": "Descripción"}),
        ("Artikelnummer,Bezeichnung,Warengruppe", {"external_id": "Artikelnummer", "title": "Bezeichnung", "category": "Warengruppe"}),
    ],
)
def test_columns_are_known_by_name_in_five_languages(header: str, expected: dict[str, str]) -> None:
    assert rows.guess(header.split(",")) == expected


def test_a_mapping_is_remembered_for_its_source_and_used_by_the_command_too(tmp_path: Path) -> None:
    from django.core.management import call_command

    kept = keep("a,b\n1,Kettle\n")
    assert uploads.preview(kept).missing == ["external_id", "title"]
    uploads.correct(
        kept, encoding=kept.encoding, delimiter=kept.delimiter, language="", mapping=kept.mapping | {"external_id": "a", "title": "b"}
    )
    imported(kept)
    assert keep("b,a,c\nPad,2,x\n").mapping["title"] == "b"
    (tmp_path / "next.csv").write_text("a,b\n3,Stand\n")
    call_command("import_catalogue", str(tmp_path / "next.csv"), source="Shop")
    assert sorted(SKU.objects.values_list("title", flat=True)) == ["Kettle", "Stand"]


def test_a_language_is_chosen_beforehand_only_where_the_rows_agree_and_the_source_has_none() -> None:
    mixed = "id,title\n" + "".join(
        f"{n},{'不锈钢电热水壶 1.7升 家用自动断电' if n % 20 < 10 else 'Bouilloire électrique en acier inoxydable'}\n" for n in range(40)
    )
    assert keep(mixed).language == ""
    Source.objects.create(name="Known", language="fr")
    assert keep(GERMAN, source="Known").language == "fr"
    imported(keep(GERMAN))
    assert list(SKU.objects.values_list("language", "language_origin")) == [("de", "source")]


def test_another_delimiter_or_encoding_finds_the_columns_anew() -> None:
    kept = keep("id;title;a,b\n1;水壶;x,y\n", encoding="gb18030")
    uploads.correct(kept, encoding="gb18030", delimiter=",", language="", mapping=kept.mapping)
    assert uploads.preview(kept).missing == ["external_id", "title"]
    uploads.correct(kept, encoding="gb18030", delimiter=";", language="", mapping=dict.fromkeys(kept.mapping, ""))
    assert kept.mapping["title"] == "title"


def bomb() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"0" * 210_000_000)
    return packed.getvalue()


def wide() -> bytes:
    book = openpyxl.Workbook()
    book.active.append([f"c{number}" for number in range(10_000)])
    saved = BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "feed.csv", "empty"),
        (b"id,title\n", "feed.csv", "no rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "feed.csv", "not text"),
        (b"PK\x03\x04 no workbook", "feed.xlsx", "not an XLSX workbook"),
        (b"%PDF-1.7", "feed.pdf", "use CSV, XLSX or JSONL"),
        (b"id,title\n1," + b"x" * 1_100_000, "feed.csv", "longer than 1,000,000 characters"),
        (",".join(f"c{n}" for n in range(10_000)).encode() + b"\n1", "feed.csv", "10,000 columns"),
        ("BOMB", "feed.xlsx", "too much text"),
        ("WIDE", "feed.xlsx", "10,000 columns"),
    ],
)
def test_a_hostile_file_is_told_in_words_and_not_kept(content: bytes | str, name: str, words: str) -> None:
    before = set(Path(uploads.settings.MEDIA_ROOT).glob("*"))
    made = {"BOMB": bomb, "WIDE": wide}[content]() if isinstance(content, str) else content
    with pytest.raises(importing.FileError, match=words):
        keep(made, name)
    assert set(Path(uploads.settings.MEDIA_ROOT).glob("*")) == before
    assert not Upload.objects.exists()


def test_what_nobody_imports_is_swept_after_a_day() -> None:
    old, new = keep(GERMAN), keep(GERMAN)
    Upload.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    uploads.sweep()
    assert list(Upload.objects.all()) == [new]
    assert not Path(old.stored_path).exists() and Path(new.stored_path).exists()


def test_an_upload_that_was_imported_meanwhile_comes_not_back_by_what_was_still_on_its_way() -> None:
    kept = keep(GERMAN)
    late = Upload.objects.get(pk=kept.pk)
    run = uploads.start(kept, by=factories.make_admin())
    uploads.correct(late, encoding="utf-8", delimiter=";", language="de", mapping=late.mapping)
    uploads.discard(late)
    with pytest.raises(Upload.DoesNotExist):
        uploads.start(late, by=factories.make_admin())
    assert not Upload.objects.exists() and ImportRun.objects.count() == 1 and Path(run.stored_path).exists()


def test_an_imported_file_goes_a_month_after_its_import_ended_and_the_report_stays() -> None:
    old, recent = imported(keep(GERMAN)), imported(keep(GERMAN))
    path = Path(old.stored_path)
    ImportRun.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=31))
    uploads.sweep()
    old.refresh_from_db()
    assert not path.exists() and Path(recent.stored_path).exists()
    assert (old.status, old.rows_read, old.row_errors.count()) == ("done", 2, 1) and importing.errors_file(old).exists()
    assert runs.events(old).last().what == "expired"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", ["waiting", "running"])
def test_an_import_that_can_go_on_keeps_its_file_however_old(status: str) -> None:
    run = uploads.start(keep(GERMAN), by=factories.make_admin())
    long_ago = timezone.now() - timedelta(days=400)
    ImportRun.objects.filter(pk=run.pk).update(status=status, created_at=long_ago, seen_at=long_ago)
    uploads.sweep()
    assert Path(run.stored_path).exists()


def test_an_import_whose_file_is_gone_says_so_when_it_is_started_again() -> None:
    run = uploads.start(keep(GERMAN), by=factories.make_admin())
    runs.cancel(run)
    ImportRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=31))
    uploads.sweep()
    runs.retry(run, by=factories.make_admin())
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", "The file is no longer on this server; send it again.")


def long_feed(count: int = 950, bad: int = 7) -> str:
    return "id,title\n" + "".join(f"{n},{'' if n == bad else f'Kettle {n}'}\n" for n in range(count))


class Killed(BaseException):
    """As a SIGKILL: nothing of ours may catch it."""


def test_a_killed_import_goes_on_where_it_stopped_and_its_report_is_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    run = uploads.start(keep(long_feed(), complete=True), by=factories.make_admin())
    original, calls = store.upsert, []

    def upsert(**values: object) -> store.Stored:
        calls.append(values)
        if len(calls) == 4:
            raise Killed
        return original(**values)

    monkeypatch.setattr(store, "upsert", upsert)
    with pytest.raises(Killed):
        importing.resume(run.pk)
    assert SKU.objects.count() == 300
    importing.resume(run.pk)
    assert SKU.objects.count() == 300, "its worker may live"
    ImportRun.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, run.rows_read, run.created_count, run.unchanged_count, run.error_count) == ("done", 950, 949, 0, 1)
    assert len(calls) == 4 + 7
    assert [event.what for event in runs.events(run)] == ["asked", "taken", "again", "delisting", "done"]


def test_a_worker_that_wakes_after_another_took_its_import_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = uploads.start(keep(long_feed()), by=factories.make_admin())
    chunks: list[object] = []

    def guess_languages(listings: object, source: Source) -> dict[str, str]:
        chunks.append(listings)
        if len(chunks) == 2:
            ImportRun.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
            with pytest.raises(Killed):
                importing.resume(run.pk)
        if len(chunks) == 4:
            raise Killed
        return {}

    def told() -> tuple[object, ...]:
        run.refresh_from_db()
        listed = len(importing.errors_file(run).read_text().splitlines()) - 1
        return run.status, run.created_count, run.unchanged_count, run.error_count, run.row_errors.count(), listed

    monkeypatch.setattr(store, "guess_languages", guess_languages)
    importing.resume(run.pk)
    assert told() == ("running", 200, 0, 1, 1, 1)
    ImportRun.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    importing.resume(run.pk)
    assert told() == ("done", 949, 0, 1, 1, 1)


def test_candidates_follow_an_import_though_its_worker_was_killed_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = uploads.start(keep(GERMAN, then_candidates=True), by=factories.make_admin())

    def killed(_run: CandidateRun) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(candidate_runs, "start", killed)
        importing.resume(run.pk)
    ImportRun.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, CandidateRun.objects.get().changed_only) == ("done", True)


def test_a_cancelled_import_keeps_what_it_stored_and_can_be_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = factories.make_admin()
    run = uploads.start(keep(long_feed()), by=admin)
    chunks: list[object] = []

    def guess_languages(listings: object, source: Source) -> dict[str, str]:
        chunks.append(listings)
        if len(chunks) == 3:
            runs.cancel(run, by=admin)
        return {}

    monkeypatch.setattr(store, "guess_languages", guess_languages)
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, run.created_count) == ("cancelled", 200) and SKU.objects.count() == 200
    assert runs.retry(run, by=admin)
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, run.created_count, run.error_count) == ("done", 949, 1)


def test_a_command_that_died_is_told_and_not_waited_for_for_ever() -> None:
    run = ImportRun.objects.create(
        source=factories.make_source(), file_name="feed.csv", status="running", seen_at=timezone.now() - timedelta(minutes=5)
    )
    importing.resume(run.pk)
    run.refresh_from_db()
    assert run.status == "failed" and "Run it again" in run.error


def test_a_changed_text_is_kept_and_a_changed_price_of_words_is_not() -> None:
    imported(keep("id,title,description\n1,Kettle,steel\n2,Pad,\n"))
    imported(keep("id,title,description,url\n1,Kettle 2,steel,\n2,Pad,,https://shop.example/2\n"))
    kept = TextVersion.objects.get()
    assert (kept.sku.title, kept.title, kept.description) == ("Kettle 2", "Kettle", "steel")
    assert kept.text_hash != kept.sku.text_hash


def test_errors_are_told_in_the_language_of_whoever_imported() -> None:
    from django.utils import translation

    with translation.override("zh-hans"):
        run = uploads.start(keep("id,title\n1,\n2,Kettle\n"), by=factories.make_admin())
    importing.resume(run.pk)
    assert "每个商品" in run.row_errors.get().reason


def test_a_workbook_has_no_encoding_to_choose() -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "title"])
    book.active.append([1, "Kettle"])
    saved = BytesIO()
    book.save(saved)
    kept = keep(saved.getvalue(), "feed.xlsx")
    assert (kept.encoding, kept.delimiter, kept.rows_total) == ("", "", 1)
    assert readers.is_text("feed.csv") and not readers.is_text("feed.xlsx")
    assert imported(kept).created_count == 1
    assert Category.objects.count() == 1
