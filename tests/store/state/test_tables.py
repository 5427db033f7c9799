"""Containers, networks, volumes, events and layer memory: typed rows, and docker's words when something is wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scow.errors import Conflict, Invalid, NotFound
from scow.oci.digest import Digest
from scow.store import containers, events, names, networks, usage, volumes
from scow.store.containers import ContainerRecord
from scow.store.networks import NetworkRecord
from scow.store.state import State
from scow.store.usage import Compressed
from scow.store.volumes import VolumeRecord
from scow.values import replace


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path / "scow.db"))


def container(id: str = "a" * 64, name: str = "web", **more: object) -> ContainerRecord:
    config = {"Cmd": ["sh", "-c", "caf\udce9"], "Env": ["Ü=1"]}
    plain = ContainerRecord(id, name, "", 5, {"role": "x"}, ("sha256:" + "1" * 64,), config)
    return replace(plain, **more)


class TestContainers:
    def test_round_trip_with_arguments_that_are_no_utf8(self, state: State) -> None:
        containers.add(state, container())
        assert containers.get(state, "web") == container()
        assert containers.list_all(state) == [container()]

    def test_a_taken_name_is_dockers_conflict(self, state: State) -> None:
        containers.add(state, container())
        with pytest.raises(Conflict) as e:
            containers.add(state, container("b" * 64))
        assert str(e.value) == (
            f'Conflict. The container name "/web" is already in use by container "{"a" * 64}". '
            "You have to remove (or rename) that container to be able to reuse that name."
        )
        containers.add(state, container("b" * 64, "other"))
        with pytest.raises(Conflict, match='"/web" is already in use'):
            containers.rename(state, "b" * 64, "web")

    def test_id_then_name_then_prefix(self, state: State) -> None:
        containers.add(state, container("abc1" + "0" * 60, "one"))
        containers.add(state, container("abd2" + "0" * 60, "abc1"))
        assert containers.get(state, "abc1").name == "abc1"
        assert containers.get(state, "/one").name == "one"
        assert containers.get(state, "abc1" + "0" * 60).name == "one"
        assert containers.get(state, "abc10").name == "one"

    def test_ambiguous_prefix(self, state: State) -> None:
        containers.add(state, container("abc1" + "0" * 60, "one"))
        containers.add(state, container("abc2" + "0" * 60, "two"))
        with pytest.raises(Invalid, match="multiple IDs found with provided prefix: abc"):
            containers.get(state, "abc")

    @pytest.mark.parametrize("text", ["", "x", "%", "_", "' OR 1=1 --", "A" * 64, "f" * 65])
    def test_not_found(self, state: State, text: str) -> None:
        containers.add(state, container())
        with pytest.raises(NotFound, match=r"^No such container: "):
            containers.get(state, text)

    @pytest.mark.parametrize("name", ["", "a", "-ab", "a b", "a/b", "é1", "a" + "\n", "../x"])
    def test_names_that_are_none(self, state: State, name: str) -> None:
        with pytest.raises(Invalid, match=r"only \[a-zA-Z0-9\]\[a-zA-Z0-9_.-\] are allowed"):
            containers.add(state, container(name=name))

    def test_an_image_that_is_gone_is_told(self, state: State) -> None:
        with pytest.raises(NotFound, match="No such image: sha256:feed"):
            containers.add(state, container(image="sha256:feed"))
        assert containers.list_all(state) == []

    def test_rename_update_remove(self, state: State) -> None:
        containers.add(state, container())
        containers.rename(state, "a" * 64, "app")
        containers.update(state, "a" * 64, {"new": True})
        assert containers.get(state, "app").config == {"new": True}
        containers.remove(state, "a" * 64)
        for call in (lambda: containers.remove(state, "a"), lambda: containers.update(state, "a", {})):
            with pytest.raises(NotFound):
                call()

    def test_newest_first(self, state: State) -> None:
        for i in range(3):
            containers.add(state, container(str(i) * 64, f"c{i}", created=i))
        assert [c.name for c in containers.list_all(state)] == ["c2", "c1", "c0"]

    def test_generated_names_are_valid_and_give_way(self, state: State) -> None:
        for i in range(50):
            containers.add(state, container(f"{i:064x}", containers.free_name(state)))
        tried: list[str] = []
        name = names.generate(lambda n: tried.append(n) or len(tried) < 40)  # type: ignore[func-returns-value]
        assert name == tried[-1]
        assert name[-1].isdigit()


class TestNetworksAndVolumes:
    def test_networks(self, state: State) -> None:
        record = NetworkRecord("c" * 64, "front", "bridge", 1, {}, {"Subnet": "10.1.0.0/24"})
        networks.add(state, record)
        assert networks.get(state, "front") == networks.get(state, "ccc") == record
        with pytest.raises(Conflict, match="network with name front already exists"):
            networks.add(state, replace(record, id="d" * 64))
        networks.remove(state, record.id)
        with pytest.raises(NotFound, match="network front not found"):
            networks.get(state, "front")

    def test_volumes(self, state: State) -> None:
        record = VolumeRecord("data", "local", 1, {"a": "b"}, {})
        assert volumes.ensure(state, record) == record
        assert volumes.ensure(state, replace(record, created=2)) == record
        with pytest.raises(Conflict, match="driver local"):
            volumes.ensure(state, replace(record, driver="nfs"))
        assert volumes.list_all(state) == [record]
        with pytest.raises(Invalid, match='"a b" includes invalid characters for a local volume name, only "'):
            volumes.ensure(state, replace(record, name="a b"))
        with pytest.raises(Invalid, match="volume name is too short"):
            volumes.ensure(state, replace(record, name="a"))
        volumes.remove(state, "data")
        with pytest.raises(NotFound, match="get data: no such volume"):
            volumes.get(state, "data")


class TestEvents:
    def test_followers_ask_for_what_they_have_not_seen(self, state: State) -> None:
        began = time.time_ns()
        first = events.append(state, "container", "start", "id1", {"name": "web"})
        assert events.last(state) == first
        second = events.append(state, "image", "pull", "id2", {})
        assert [e.id for e in events.after(state, first)] == [second]
        (event,) = events.after(state, until=events.after(state, first)[0].time, since=began)[:1]
        assert (event.type, event.action, event.actor, event.attributes) == (
            "container",
            "start",
            "id1",
            {"name": "web"},
        )
        assert events.after(state, since=time.time_ns() + 10**9) == []

    def test_an_event_belongs_to_its_change(self, state: State) -> None:
        with pytest.raises(KeyError), state.change():
            events.append(state, "container", "start", "x", {})
            raise KeyError
        assert events.last(state) == 0

    def test_the_journal_stays_small(self, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "KEEP", 100)
        with state.change():
            for _ in range(300):
                events.append(state, "container", "start", "x", {})
        assert 100 <= len(events.after(state)) < 200


def test_layer_memory(state: State) -> None:
    diff_id, blob = Digest.of(b"tar"), Digest.of(b"gz")
    assert usage.diff_id_of(state, blob) is None
    form = Compressed(blob, "gzip", 7, diff_id)
    usage.learn(state, form)
    assert usage.diff_id_of(state, blob) == diff_id
    assert usage.compressed_forms(state, diff_id) == [form]
    usage.touch(state, [(diff_id, 100)])
    assert usage.sizes(state)[str(diff_id)][0] == 100
    usage.forget(state, [diff_id])
    assert usage.sizes(state) == {}
