"""Where lists are kept while they are put together."""

from pathlib import Path

import pytest

from boxship.base.errors import NotFound
from boxship.front.client.manifests.names import named
from boxship.front.client.manifests.store import ManifestStore
from tests.unit.front.client.manifests.test_lists import entry

ALL, ONE, TWO = named("example.org/app:all"), named("example.org/app:1"), named("example.org/app:2")


def test_a_life(tmp_path: Path) -> None:
    store = ManifestStore({"DOCKER_CONFIG": str(tmp_path)})
    assert not store.has(ALL)
    assert store.find(ALL, ONE) is None
    store.keep(ALL, {ONE: entry(str(ONE))})
    store.keep(ALL, {TWO: entry(str(TWO))})
    assert [str(found.ref) for found in store.list(ALL)] == [str(ONE), str(TWO)]
    assert store.find(ALL, TWO) == entry(str(TWO))
    store.remove(ALL)
    assert list((tmp_path / "manifests").iterdir()) == []
    with pytest.raises(NotFound, match=r"No such manifest: example\.org/app:all"):
        store.list(ALL)


@pytest.mark.parametrize("spelled", ["example.org_app-all", "example.org#app%all"])
def test_the_spelling_that_is_there_is_kept(tmp_path: Path, spelled: str) -> None:
    (tmp_path / "manifests" / spelled).mkdir(parents=True)
    store = ManifestStore({"DOCKER_CONFIG": str(tmp_path)})
    store.keep(ALL, {ONE: entry(str(ONE))})
    assert [file.name for file in (tmp_path / "manifests").iterdir()] == [spelled]
    assert store.find(ALL, ONE) == entry(str(ONE))
