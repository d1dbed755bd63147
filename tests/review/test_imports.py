"""Importing over HTTP: choose a file, look, correct, import, come back to the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from alignment import importing, runs
from alignment.importing import uploads
from alignment.models import SKU, AuditEvent, CandidateRun, ImportRun, Source, Upload
from tests.factories import make_admin, make_reviewer

pytestmark = pytest.mark.django_db
FEED = "art,label,EAN,colour\n1,<b>Kettle</b> 1.7 L,4006381333931,red\n2,Pad,12,blue\n"


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_admin())
    return client


def send(client: Client, text: str | bytes = FEED, name: str = "feed.csv", **fields: str) -> Any:
    content = text if isinstance(text, bytes) else text.encode()
    return client.post("/imports/", {"file": SimpleUploadedFile(name, content), "source": "Shop"} | fields)


def shown(client: Client, sent: Any) -> Any:
    page = client.get(sent.url)
    assert page.status_code == 200
    return page


def posted(form: Any, **changed: Any) -> dict[str, Any]:
    return {field.html_name: field.value() or "" for field in form} | {"kept": []} | changed


def test_a_file_is_shown_corrected_imported_and_reported(client: Client) -> None:
    sent = send(client)
    page = shown(client, sent)
    assert page.context["shown"].missing == ["external_id", "title"]
    assert "Every listing needs a title" in page.content.decode()
    again = client.post(sent.url, posted(page.context["form"], column_external_id="0", column_title="1", kept=["3"]))
    page = shown(client, again)
    text = page.content.decode()
    assert "Import 2 rows" in text and "1 of these rows would be refused" in text
    assert "&lt;b&gt;Kettle&lt;/b&gt; 1.7 L" in text and "Nothing is stored yet" in text
    assert not SKU.objects.exists() and not Source.objects.exists()
    begun = client.post(sent.url, posted(page.context["form"], kept=["3"], **{"import": "yes"}))
    run = ImportRun.objects.get()
    assert begun.url == f"/imports/{run.uuid}/"
    assert "Waits for a worker" in client.get(begun.url).content.decode()
    importing.resume(run.pk)
    report = client.get(begun.url).content.decode()
    assert "check digit" in report or "not a GTIN" in report
    assert "every 2s" not in report and "Done" in report
    assert SKU.objects.get().attributes == {"colour": "red"}
    rejected = client.get(f"/imports/{run.uuid}/errors.csv")
    assert rejected["Content-Disposition"].startswith("attachment") and b"not a GTIN" in b"".join(rejected)
    assert AuditEvent.objects.filter(action="import file", subject="feed.csv").exists()


def test_a_correction_is_answered_with_itself_though_an_earlier_one_is_stored_after_it(client: Client, monkeypatch: Any) -> None:
    sent = send(client)
    form = shown(client, sent).context["form"]
    correct = uploads.correct

    def overtaken(kept: Upload, **said: Any) -> None:
        correct(kept, **said)
        Upload.objects.filter(pk=kept.pk).update(mapping={"external_id": "art"})

    monkeypatch.setattr(uploads, "correct", overtaken)
    asked = posted(form, column_external_id="0", column_title="1")
    assert "Import 2 rows" in client.post(sent.url, asked, headers={"HX-Request": "true"}, follow=True).content.decode()


def test_a_row_without_a_number_is_told_in_the_words_of_the_page_and_so_is_one_that_has_anothers(client: Client) -> None:
    page = shown(client, send(client, "id,title\n,Kettle\n7,Kettle\n7,Pad\n")).content.decode()
    assert "empty; every listing needs a number or id" in page and "the same number or id stands in line 3" in page
    assert "external_id" not in re.sub(r"<[^>]*>", "", page)


def test_a_language_that_no_more_than_half_of_a_file_is_in_is_not_told_as_found(client: Client) -> None:
    said = ["Wasserkocher aus gebürstetem Edelstahl", "Brushed steel electric kettle", "Bouilloire électrique en acier"]
    mixed = [title for title in said for _ in range(10)]
    for titles, found in ((mixed, False), (mixed[:10], True)):
        rows = "".join(f"{number},{title}\n" for number, title in enumerate(titles))
        assert ("first rows read as" in shown(client, send(client, f"id,title\n{rows}")).content.decode()) is found


def test_the_preview_says_that_candidates_follow_where_that_was_chosen(client: Client) -> None:
    said = "After the import, candidates are proposed"
    assert said in shown(client, send(client, then_candidates="on")).content.decode()
    assert said not in shown(client, send(client)).content.decode()


def test_an_import_begins_only_when_every_needed_column_is_chosen(client: Client) -> None:
    sent = send(client)
    answer = client.post(sent.url, posted(shown(client, sent).context["form"], **{"import": "yes"}))
    assert answer.status_code == 422
    assert not ImportRun.objects.exists() and Upload.objects.count() == 1


@pytest.mark.parametrize(("field", "value"), [("column_title", "99"), ("encoding", "rot13"), ("delimiter", "|"), ("kept", ["99"])])
def test_a_choice_that_was_not_offered_is_refused(client: Client, field: str, value: object) -> None:
    sent = send(client)
    answer = client.post(sent.url, posted(shown(client, sent).context["form"], **{field: value, "import": "yes"}))
    assert answer.status_code == 422
    assert not ImportRun.objects.exists()


def test_the_options_that_candidates_are_proposed_with_afterwards_are_told(client: Client) -> None:
    assert "at most 20 candidates each." in client.get("/imports/").content.decode()
    CandidateRun.objects.create(k=10, other_source=True, category_levels=2)
    told = "at most 10 candidates each, from other sources only, in the same category, 2 levels deep."
    assert told in client.get("/imports/").content.decode()
    assert "，仅限其他来源，" in client.get("/imports/", headers={"accept-language": "zh-hans"}).content.decode()


@pytest.mark.parametrize(
    "cells", [r'"co\ud800lour": "red"', r'"co\u0000lour": "red"', r'"attributes": "\ud800"', r'"description": "\ud800"']
)
def test_what_no_database_takes_in_a_file_can_be_looked_at_and_imported(client: Client, cells: str) -> None:
    sent = send(client, f'{{"id": "1", "title": "Kettle", {cells}}}', "feed.jsonl")
    form = shown(client, sent).context["form"]
    kept = [str(place) for place, name in enumerate(form.header) if name == "co lour"]
    begun = client.post(sent.url, posted(form, kept=kept, **{"import": "yes"}))
    importing.resume(ImportRun.objects.get().pk)
    assert client.get(begun.url).status_code == 200
    assert [sku.attributes for sku in SKU.objects.all()] == ([] if "attributes" in cells else [{"co lour": "red"} if kept else {}])


def test_a_file_that_cannot_be_read_is_told_at_its_field(client: Client) -> None:
    answer = send(client, b"\x89PNG\r\n\x1a\n\0\0", "picture.csv")
    assert answer.status_code == 422
    assert "not text" in answer.content.decode()
    assert not Upload.objects.exists() and not Source.objects.exists()


def test_a_wrong_encoding_is_seen_and_set_right(client: Client) -> None:
    sent = send(client, "id,title\n1,Café crème à 5 €\n".encode("cp1252"))
    page = shown(client, sent)
    assert Upload.objects.get().encoding == "cp1252" and "Café crème" in page.content.decode()
    client.post(sent.url, posted(page.context["form"], encoding="utf-8-sig"))
    page = shown(client, sent)
    assert "cannot be read as utf-8" in page.content.decode()
    client.post(sent.url, posted(page.context["form"], encoding="cp1252"))
    assert "Import 1 row" in shown(client, sent).content.decode()


def test_a_looked_at_file_is_found_again_and_can_be_deleted(client: Client) -> None:
    sent = send(client)
    assert sent.url in client.get("/imports/").content.decode()
    client.post(f"{sent.url}discard/")
    assert not Upload.objects.exists()


@pytest.mark.parametrize("name", ["feed.csv", "feed.jsonl", "feed.xlsx"])
def test_a_file_that_was_deleted_meanwhile_is_told(client: Client, name: str) -> None:
    sent = send(client, "id,title\n1,Kettle\n")
    Path(Upload.objects.get().stored_path).unlink()
    Upload.objects.update(file_name=name)
    for answer, status in ((client.get(sent.url), 200), (client.post(sent.url, {"import": "yes"}), 422)):
        assert answer.status_code == status and "no longer on this server" in answer.content.decode()
    assert not ImportRun.objects.exists()


def test_an_import_begun_twice_is_one_and_both_lead_to_it(client: Client, monkeypatch: Any) -> None:
    sent = send(client, "id,title\n1,Kettle\n")
    asked = posted(shown(client, sent).context["form"], **{"import": "yes"})
    correct = uploads.correct

    def other_first(kept: Upload, **said: Any) -> None:
        monkeypatch.setattr(uploads, "correct", correct)
        client.post(sent.url, asked)
        correct(kept, **said)

    monkeypatch.setattr(uploads, "correct", other_first)
    answers = [client.post(sent.url, asked), client.post(sent.url, asked), client.get(sent.url)]
    assert {answer.url for answer in answers} == {f"/imports/{ImportRun.objects.get().uuid}/"}
    assert client.get("/imports/uploads/8d1f3b0e-5f0c-4f4c-9d52-0a6a2a0e7f3c/").status_code == 404


def test_a_running_import_is_cancelled_and_started_again(client: Client) -> None:
    sent = send(client, "id,title\n1,Kettle\n")
    client.post(sent.url, posted(shown(client, sent).context["form"], **{"import": "yes"}))
    run = ImportRun.objects.get()
    client.post(f"/runs/{run.uuid}/cancel/")
    page = client.get(f"/imports/{run.uuid}/").content.decode()
    assert "Start it again" in page and "What happened" in page
    client.post(f"/runs/{run.uuid}/retry/")
    importing.resume(run.pk)
    run.refresh_from_db()
    assert (run.status, run.created_count) == ("done", 1)
    assert [event.what for event in runs.events(run)] == ["asked", "cancelled", "retried", "taken", "done"]
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == ["import file", "cancel run", "retry run"]


def test_pages_ask_a_constant_number_of_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        sent = send(client, "id,title\n" + "".join(f"{n},Kettle\n" for n in range(50)))
    for address in ("/imports/", sent.url):
        with django_assert_max_num_queries(12):
            client.get(address)
    client.post(sent.url, posted(shown(client, sent).context["form"], **{"import": "yes"}))
    importing.resume(ImportRun.objects.get().pk)
    with django_assert_max_num_queries(12):
        client.get(f"/imports/{ImportRun.objects.get().uuid}/")


def test_uploads_are_the_admins(client: Client) -> None:
    sent = send(client)
    client.force_login(make_reviewer())
    for answer in (client.get(sent.url), client.post(f"{sent.url}discard/"), client.get("/imports/")):
        assert answer.status_code == 403
