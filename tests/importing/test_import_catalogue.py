"""What `manage.py import_catalogue` takes, refuses and says."""

from __future__ import annotations

import contextlib
import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alignment import importing
from alignment.models import SKU, CandidateSet, ImportRun, Pair, RowError, Source
from tests import factories

pytestmark = pytest.mark.django_db


def run(path: Path, source: str = "Shop", **options: Any) -> str:
    out = StringIO()
    call_command("import_catalogue", str(path), source=source, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def write(folder: Path, text: str, name: str = "feed.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def reasons() -> list[tuple[int, str, str]]:
    return list(RowError.objects.values_list("line", "column", "reason"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_delimiters_and_encodings_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    run(
        write(
            tmp_path,
            f'商品编号{delimiter}标题{delimiter}类目\n1{delimiter}"电热水壶, 1.7L; 新款"{delimiter}厨房 > 水壶\n',
            encoding=encoding,
        )
    )
    sku = SKU.objects.get()
    assert (sku.external_id, sku.title) == ("1", "电热水壶, 1.7L; 新款")
    assert sku.category is not None and sku.category.path == "厨房 > 水壶" and sku.category.parent.path == "厨房"


def test_a_workbook_and_jsonl_say_the_same(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "title", "attribute:colour"])
    book.active.append([1001, "Kettle", "red"])
    book.save(tmp_path / "feed.xlsx")
    run(tmp_path / "feed.xlsx")
    row = {"id": 1001, "title": "Kettle", "attributes": {"colour": "red"}}
    out = run(write(tmp_path, json.dumps(row), name="feed.jsonl"))
    assert "1 unchanged" in out
    assert SKU.objects.get().attributes == {"colour": "red"}


def test_a_file_of_no_use_says_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--map external_id=COLUMN"):
        run(write(tmp_path, "Artikel,title\n1,Kettle\n"))
    with pytest.raises(CommandError, match="UTF-8"):
        run(write(tmp_path, "id,title\n1,Kettle\n", encoding="utf-16"))
    with pytest.raises(CommandError, match="not an XLSX workbook"):
        run(write(tmp_path, "no workbook", name="feed.xlsx"))
    with pytest.raises(CommandError, match="first line"):
        run(write(tmp_path, ""))
    assert set(ImportRun.objects.values_list("status", flat=True)) == {"failed"}


def test_good_rows_go_in_and_bad_ones_are_named(tmp_path: Path) -> None:
    feed = (
        "id,title,gtin,url,colour\n1,Kettle,4006381333931,https://shop.example/1,red\n2,,,,\n3,Pad,4006381333932,,\n4,Stand,,javascript:alert(1),\n"
        '1,Kettle again,,,\n"=cmd()",Formula,12,,\n7,"broken " quote,,,\n8,Lamp,,,,too many\n9,Last,,,\n'
    )
    out = run(write(tmp_path, feed), errors=tmp_path / "errors.csv")
    assert "2 new" in out and "7 in error" in out and "Columns left out: colour" in out
    found = reasons()
    assert [(line, column) for line, column, _reason in found] == [
        (3, "title"),
        (4, "gtin"),
        (5, "url"),
        (6, "id"),
        (7, "gtin"),
        (8, ""),
        (9, ""),
    ]
    assert "check digit" in found[1][2] and "line 2" in found[3][2]
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [int(row["line"]) for row in csv.DictReader(file)] == [3, 4, 5, 6, 7, 8, 9]
    assert SKU.objects.get(external_id="1").gtin == "04006381333931"


def test_a_category_of_more_bytes_than_an_index_takes_is_its_rows_error(tmp_path: Path) -> None:
    assert "1 new" in run(write(tmp_path, f"id,title,category\n1,Kettle,{factories.path_of_four_thousand_bytes()}\n2,Pad,Kitchen\n"))
    assert [(line, column) for line, column, _reason in reasons()] == [(2, "category")]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_listings_are_locked_in_the_order_in_which_every_other_writer_locks_them(tmp_path: Path) -> None:
    with CaptureQueriesContext(connection) as asked:
        run(write(tmp_path, "id,title\n1,Kettle\n"))
    locks = [query["sql"] for query in asked if 'FROM "alignment_sku"' in query["sql"] and "FOR NO KEY UPDATE" in query["sql"]]
    assert len(locks) == 1 and 'ORDER BY "alignment_sku"."id" ASC FOR' in locks[0]


def test_error_files_hold_no_formula(tmp_path: Path) -> None:
    run(write(tmp_path, "id,title,url\n1,Kettle,=HYPERLINK(1)\n"), errors=tmp_path / "errors.csv")
    assert "'=HYPERLINK(1)" in (tmp_path / "errors.csv").read_text()


def test_hostile_text_is_bounded_and_cleaned(tmp_path: Path) -> None:
    deep = '{"id":"9","title":"x","attributes":' + "[" * 100_000 + "]" * 100_000 + "}"
    lines = [
        '{"id":"1","title":"Ket\\u0000tle\\ud800"}',
        '{"id":"2","title":["Kettle"]}',
        f'{{"id":"3","title":"{"x" * 2001}"}}',
        deep,
        "[1]",
        '{"id":"5"}',
        json.dumps({"id": "6", "title": "x", "attributes": {str(n): "y" for n in range(201)}}),
    ]
    run(write(tmp_path, "\n".join(lines), name="feed.jsonl"))
    assert SKU.objects.get().title == "Ket tle"
    assert [line for line, _column, _reason in reasons()] == [2, 3, 4, 5, 6, 7]
    assert all(len(value) <= 200 for value in RowError.objects.values_list("value", flat=True))


def test_twice_changes_nothing_and_a_changed_text_is_scored_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "id,title\n1,Kettle 1.7 L\n2,Kettle 1.5 L\n")
    run(path)
    before = list(SKU.objects.order_by("pk").values())
    assert "2 unchanged" in run(path)
    assert list(SKU.objects.order_by("pk").values()) == before
    left, right = SKU.objects.order_by("pk")
    factories.make_set(left, [right])
    factories.score_waiting_sets(0.8)
    run(write(tmp_path, "id,title\n1,KETTLE  1.7 L\n2,Kettle 1.5 L\n"))
    assert CandidateSet.objects.get().status == "scored", "a text that folds alike is the same text"
    run(write(tmp_path, "id,title\n1,Kettle 1.7 L\n2,Kettle 0.5 L\n"))
    assert CandidateSet.objects.get().status == "pending"


def test_a_pair_knows_whether_both_listings_state_one_gtin(tmp_path: Path) -> None:
    def same() -> bool:
        return Pair.objects.get().same_gtin

    run(write(tmp_path, "id,title,gtin\n1,Kettle,4006381333931\n2,Kettle 1.5 L,4006381333931\n3,Pad,\n"))
    left, right, _pad = SKU.objects.order_by("pk")
    factories.make_set(left, [right])
    factories.score_waiting_sets(0.8)
    assert same()
    for gtin, expected in (("", False), ("4006381333931", True), ("9780201379624", False)):
        run(write(tmp_path, f"id,title,gtin\n1,Kettle,4006381333931\n2,Kettle 1.5 L,{gtin}\n3,Pad,4006381333931\n"))
        assert same() == expected
    run(write(tmp_path, "id,title,gtin\n1,Kettle,\n2,Kettle 1.5 L,\n3,Pad,\n"))
    assert not same(), "no GTIN is not the same one"
    assert CandidateSet.objects.get().status == "scored"


def test_a_complete_feed_delists_what_it_lacks_and_lists_what_returns(tmp_path: Path) -> None:
    run(write(tmp_path, "id,title\n1,Kettle\n2,Pad\n3,Stand\n"))
    run(write(tmp_path, "id,title\n1,Kettle\n2,\n"), complete=True)
    gone = SKU.objects.exclude(delisted_at=None).values_list("external_id", flat=True)
    assert list(gone) == ["3"], "a row in error whose id can be read is not missing"
    assert "1 changed" in run(write(tmp_path, "id,title\n3,Stand\n"))
    assert not SKU.objects.exclude(delisted_at=None).exists()


@pytest.mark.parametrize("feed", ["id,title\n1,\n", "id,title\n1,Kettle\n,Pad\n", 'id,title\n1,Kettle\n2,"never closed\n3,Stand\n'])
def test_a_feed_that_cannot_be_trusted_delists_nothing(tmp_path: Path, feed: str) -> None:
    run(write(tmp_path, "id,title\n1,Kettle\n2,Pad\n3,Stand\n"))
    with contextlib.suppress(CommandError):
        run(write(tmp_path, feed), complete=True)
    assert not SKU.objects.exclude(delisted_at=None).exists()
    assert "delisted" in ImportRun.objects.latest("id").error


def test_languages_come_from_the_file_then_the_source_then_detection(tmp_path: Path) -> None:
    run(write(tmp_path, "id,title,language\n1,Kettle,de\n2,Wasserkocher,\n"), language="en")
    assert list(SKU.objects.order_by("external_id").values_list("language", "language_origin")) == [("de", "file"), ("en", "source")]
    text = "Bouilloire électrique en acier inoxydable pour la cuisine, livraison rapide dans toute la France"
    run(write(tmp_path, f'id,title\n1,"{text}"\n2,X200\n'), source="Other")
    found = SKU.objects.filter(source__name="Other").order_by("external_id").values_list("language", "language_origin")
    assert list(found) == [("fr", "detected"), ("", "unknown")]


def test_a_corrected_language_outlives_imports(tmp_path: Path) -> None:
    from alignment import catalogue

    run(write(tmp_path, "id,title,language\n1,Kettle,de\n"))
    catalogue.correct_language(sku=SKU.objects.get(), language="en", user=factories.make_admin())
    run(write(tmp_path, "id,title,language\n1,Kettle 2,de\n"))
    assert SKU.objects.get().language == "en"


def test_shopifys_export_gives_a_listing_for_each_variant(tmp_path: Path) -> None:
    feed = (
        "Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Barcode,Image Src\n"
        "mug,Travel mug,<p>Keeps &amp; warms</p>,Acme,Size,300 ml,,,https://cdn.example/1.jpg\n"
        "mug,,,,,500 ml,MUG-5,,\n"
        "mug,,,,,,,,https://cdn.example/2.jpg\n"
        "pad,Pad,,Acme,Title,Default Title,,,\n"
    )
    run(write(tmp_path, feed))
    found = {sku.external_id: sku for sku in SKU.objects.all()}
    assert set(found) == {"mug/300 ml", "MUG-5", "pad"}
    assert found["MUG-5"].title == "Travel mug" and found["MUG-5"].description == "Keeps & warms"
    assert found["MUG-5"].attributes == {"Size": "500 ml", "Vendor": "Acme"}


def test_a_killed_import_is_taken_up_once(tmp_path: Path) -> None:
    path = write(tmp_path, "id,title\n1,Kettle\n")
    source = Source.objects.create(name="Shop")
    with path.open("rb") as file:
        kept = importing.start(source=source, upload=file, file_name="../feed.csv", mapping={}, complete=False, author=None)
    assert Path(kept.stored_path).parent.name == "uploads" and "feed" not in Path(kept.stored_path).name
    importing.resume(kept.pk)
    importing.resume(kept.pk)
    kept.refresh_from_db()
    assert (kept.status, kept.created_count, kept.rows_read) == ("done", 1, 1)
