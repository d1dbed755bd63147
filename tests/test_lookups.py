"""Many ids as one value: what is found is what `__in` finds, on a row's own id and on a relation's."""

import pytest
from django.db.models import Q

from alignment.models import SKU, Pair
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("chosen", [[], [0], [0, 2, 2]])
def test_it_finds_what_in_finds(chosen):
    skus = [factories.make_sku() for _ in range(3)]
    pairs = [factories.make_pair(left=skus[0], right=sku) for sku in skus[1:]]
    ids = [skus[place].pk for place in chosen]
    assert set(SKU.objects.filter(pk__among=ids)) == set(SKU.objects.filter(pk__in=ids))
    assert set(Pair.objects.filter(right_id__among=ids)) == set(Pair.objects.filter(right__in=ids))
    assert set(Pair.objects.filter(left__source_id__among=[skus[0].source_id])) == set(pairs)
    assert set(Pair.objects.exclude(right_id__among=ids)) == set(Pair.objects.exclude(right__in=ids))


@pytest.mark.parametrize("title", ["nothing", "first", "other"])
def test_of_a_query_it_finds_what_in_finds_beside_an_or_too(title):
    skus = [factories.make_sku(title) for title in ("first", "other", "other", "last")]
    for sku in skus[1:]:
        factories.make_pair(left=skus[0], right=sku)
    found = SKU.objects.filter(title=title)
    assert set(SKU.objects.filter(pk__among=found)) == set(found)
    assert set(Pair.objects.filter(left_id__among=found.values("pk"))) == set(Pair.objects.filter(left__in=found))
    beside = Q(right=skus[3])
    assert set(Pair.objects.filter(Q(right__among=found) | beside)) == set(Pair.objects.filter(Q(right__in=found) | beside))
    assert list(SKU.objects.filter(pk__among=SKU.objects.none())) == []


def test_of_no_ids_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert list(SKU.objects.filter(pk__among=[])) == []


def test_tens_of_thousands_of_ids_are_one_value():
    sku = factories.make_sku()
    assert list(SKU.objects.filter(pk__among=range(sku.pk, sku.pk + 50_000))) == [sku]
