"""What each catalogue's own answer becomes, and how each fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from facility.errors import Unreachable, Unreadable
from facility.images import Charliecloud, PodmanHpc, ShifterGateway, ShifterImg
from facility.images.podman_hpc import read_images
from facility.images.shifter_gateway import read_list
from facility.images.shifterimg import read_lines
from facility.profile import System
from facility.providers.slurm.provider import slurm_environment
from facility.providers.slurm.run import DirectRunner
from tests.charliecloud import ch_image, make_image

DATA = Path(__file__).parent / "data"
RUNNER = DirectRunner(slurm_environment(System(title="Tests")))
CREDENTIAL = ("sh", "-c", 'printf "MUNGE:%s:" $$')  # as unique as munge's own


def contract_gateway(records: list[dict[str, object]]) -> FastAPI:
    """NOT Shifter's gateway: what its published source says of GET /api/list/SYSTEM/, and nothing more."""
    app, used = FastAPI(), set[str]()

    @app.get("/api/list/{system}/")
    async def list_images(system: str, request: Request) -> JSONResponse:
        credential = request.headers.get("authentication", "")
        if system != "mycluster" or not credential.startswith("MUNGE:") or credential in used:
            return JSONResponse({"status": 404, "error": "None", "message": "Not Found"}, 404)
        used.add(credential)
        return JSONResponse({"list": records})

    return app


def record(tag: object, **different: object) -> dict[str, object]:
    """One image as the gateway's `create_response` lays it out."""
    usual = {
        "id": "5d7a", "system": "mycluster", "itype": "docker", "tag": tag, "status": "READY", "userACL": [],
        "groupACL": [], "ENV": [], "ENTRY": None, "WORKDIR": None, "last_pull": 1760000000.0, "status_message": "",
    }  # fmt: skip
    return usual | different


def gateway(records: list[dict[str, object]], system: str = "mycluster") -> ShifterGateway:
    """The driver before the contract server."""
    transport = httpx.ASGITransport(contract_gateway(records))
    return ShifterGateway("http://imagegw", system, RUNNER, CREDENTIAL, transport)


async def test_the_gateway_is_asked_with_a_new_credential_each_time() -> None:
    """Munge accepts none twice; each tag of an image is an image."""
    asked = gateway([record(["lab:1", "lab:latest"])])
    await asked.found()

    assert ["docker:lab:1", "docker:lab:latest"] == [found.name for found in await asked.found()]


async def test_a_gateway_that_does_not_know_us_is_no_empty_catalogue() -> None:
    """It says 404 for an unknown system and for a refused credential alike."""
    with pytest.raises(Unreachable, match="munge credential"):
        await gateway([], system="other").found()


async def test_munge_that_fails_is_told() -> None:
    """With its own words."""
    driver = ShifterGateway("http://imagegw", "mycluster", RUNNER, ("sh", "-c", "echo no socket >&2; exit 1"))
    with pytest.raises(Unreachable, match="no socket; is munged running"):
        await driver.found()


def test_a_private_image_is_for_those_on_its_list() -> None:
    """By uid or primary group; without a list it is everybody's."""
    public, private = read_list(
        json.dumps({"list": [record("a:1"), record("b:1", userACL=[1001], groupACL=[2000])]}).encode()
    )

    assert public.is_for(1, 1)
    assert [True, True, False] == [private.is_for(1001, 5), private.is_for(1002, 2000), private.is_for(1002, 5)]


@pytest.mark.parametrize("different", [{"userACL": "MISSING"}, {"groupACL": "MISSING"}, {"status": "PULLING"}])
def test_an_image_whose_readers_are_not_told_is_nobodys(different: dict[str, object]) -> None:
    """Nor is one that is not ready."""
    assert () == read_list(json.dumps({"list": [record("a:1", **different)]}).encode())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"list": 5}', b'{"list": [{"tag": "a"}]}'])
def test_an_answer_that_is_no_list_is_unreadable(body: bytes) -> None:
    """A failure is never an empty catalogue."""
    with pytest.raises(Unreadable):
        read_list(body)


def shifterimg_line(status: str, tag: str) -> str:
    """As shifterimg's own source prints an image."""
    return f"{'mycluster':<10} {'docker':<10} {status:<8} {'0a1b2c3d4e'}   2026-03-04T05:06:07 {tag:<30}"


def test_shifterimgs_lines_are_read() -> None:
    """Images that are still being pulled are left out."""
    found = read_lines("\n".join([shifterimg_line("READY", "lab:1"), shifterimg_line("PULLING", "new:1")]).encode())

    assert ["docker:lab:1"] == [image.name for image in found]
    assert found[0].pulled == datetime(2026, 3, 4, 5, 6, 7).astimezone(UTC)


def test_a_line_of_shifterimg_that_is_no_image_is_told() -> None:
    """It is not left out in silence."""
    with pytest.raises(Unreadable, match="no image"):
        read_lines(b"err 7\n")


@pytest.mark.parametrize("driver", [ShifterImg, PodmanHpc])
async def test_a_command_that_fails_is_told_with_its_words(driver: type[ShifterImg | PodmanHpc]) -> None:
    """Whatever it printed on standard output."""
    with pytest.raises(Unreachable, match="no gateway today"):
        await driver(RUNNER, ("sh", "-c", "echo '[]'; echo no gateway today >&2; exit 1")).found()


def test_podmans_own_list_is_read_with_labels_and_what_is_on_one_node_only() -> None:
    """Recorded from podman 4.3.1 with an image of its own and one of a shared store."""
    found = {image.name: image for image in read_images((DATA / "images-podman-4.3.1.json").read_bytes())}

    assert {"localhost/unmigrated:3", "localhost/beam/lab:1.0"} == set(found)
    assert {"org.beamside.jupyter": "true"} == found["localhost/beam/lab:1.0"].labels
    assert "" == found["localhost/beam/lab:1.0"].why_not
    assert "podman-hpc migrate" in found["localhost/unmigrated:3"].why_not


@pytest.mark.parametrize("stdout", [b"{", b"5", b'[{"Names": ["a"]}]', b'[{"Names": ["a"], "Created": "x"}]'])
def test_podmans_answer_that_cannot_be_read_is_told(stdout: bytes) -> None:
    """Rather than shown as no images."""
    with pytest.raises(Unreadable):
        read_images(stdout)


async def test_charliecloud_lists_its_storage_with_labels(tmp_path: Path) -> None:
    """The real ch-image over a directory it made itself."""
    (tmp_path / "image" / "bin").mkdir(parents=True)
    make_image(tmp_path / "image", tmp_path / "storage", "beam/lab:1.0", {})

    found = await Charliecloud(RUNNER, str(tmp_path / "storage"), ch_image()).found()

    assert [("beam/lab:1.0", {"org.beamside.jupyter": "true"})] == [(image.name, image.labels) for image in found]


async def test_a_storage_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    """ch-image itself would make it and list nothing."""
    with pytest.raises(Unreachable, match="cannot be entered"):
        await Charliecloud(RUNNER, str(tmp_path / "none"), ("false",)).found()


async def test_damaged_metadata_is_told(tmp_path: Path) -> None:
    """An image whose labels are unknown is not said to have none."""
    (tmp_path / "img/lab+1/ch").mkdir(parents=True)
    (tmp_path / "img/lab+1/ch/metadata.json").write_text("{")
    with pytest.raises(Unreadable, match="metadata"):
        await Charliecloud(RUNNER, str(tmp_path), ("sh", "-c", "echo lab:1")).found()


async def test_names_that_pretend_are_not_shown(tmp_path: Path) -> None:
    """Letters that turn or hide text have no place in a name."""
    found = await Charliecloud(RUNNER, str(tmp_path), ("printf", "lab:1\\n\\342\\200\\256bal:2\\nx y\\n")).found()

    assert ["lab:1"] == [image.name for image in found]
