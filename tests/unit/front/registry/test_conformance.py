"""The endpoints of OCI distribution-spec 1.1, one by one: status, headers, error codes."""

import hashlib
import json

import pytest

from boxship.engine.images.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.registries import OCTETS, Api, described, digest_of, image, index

ABSENT = digest_of(b"absent")
BLOB = bytes(range(256)) * 400

# method, path, status, error code
REFUSALS = {
    "blob that is not here": ("GET", f"/v2/a/blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
    "digest that is none": ("GET", "/v2/a/blobs/sha256:x", 400, "DIGEST_INVALID"),
    "name that is none": ("GET", f"/v2/A/blobs/{ABSENT}", 400, "NAME_INVALID"),
    "manifest of no repository": ("GET", "/v2/a/manifests/x", 404, "NAME_UNKNOWN"),
    "tag that is none": ("GET", "/v2/a/manifests/.x", 400, "TAG_INVALID"),
    "tags of no repository": ("GET", "/v2/a/tags/list", 404, "NAME_UNKNOWN"),
    "referrers of no digest": ("GET", "/v2/a/referrers/x", 400, "DIGEST_INVALID"),
    "upload that is not": ("PATCH", "/v2/a/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN"),
    "upload that climbs": ("GET", "/v2/a/blobs/uploads/..%2f..%2fregistry.db", 404, "BLOB_UPLOAD_UNKNOWN"),
    "finish without digest": ("PUT", "/v2/a/blobs/uploads/x", 400, "DIGEST_INVALID"),
    "delete a blob that is not": ("DELETE", f"/v2/a/blobs/{ABSENT}", 404, "NAME_UNKNOWN"),
    "delete a manifest that is not": ("DELETE", f"/v2/a/manifests/{ABSENT}", 404, "NAME_UNKNOWN"),
    "page of no number": ("GET", "/v2/_catalog?n=x", 400, "PAGINATION_NUMBER_INVALID"),
    "method that is not": ("POST", "/v2/a/tags/list", 405, "UNSUPPORTED"),
    "path that is not": ("GET", "/v2/a/nothing", 404, "NAME_UNKNOWN"),
    "empty manifest": ("PUT", "/v2/a/manifests/x", 400, "MANIFEST_INVALID"),
}


@pytest.mark.parametrize(("method", "path", "status", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer.headers["Content-Type"] == "application/json"


async def test_the_version_check(api: Api) -> None:
    assert (await api.ask("GET", "/v2/")).json == {}


async def test_a_blob_in_one_request(api: Api) -> None:
    answer = await api.ask("POST", f"/v2/a/b/blobs/uploads/?digest={digest_of(BLOB)}", BLOB, **OCTETS)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v2/a/b/blobs/{digest_of(BLOB)}"
    assert (await api.ask("GET", answer.headers["Location"])).body == BLOB


async def test_a_blob_in_two_requests_and_back(api: Api) -> None:
    digest = await api.upload("a/b", BLOB)
    for method, body in (("GET", BLOB), ("HEAD", b"")):
        answer = await api.ask(method, f"/v2/a/b/blobs/{digest}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Docker-Content-Digest"] == digest
        assert answer.headers["Content-Length"] == str(len(BLOB))
    assert (await api.ask("HEAD", f"/v2/a/c/blobs/{digest}")).status == 404, "other repositories do not show it"


async def test_a_blob_by_its_other_digest(api: Api) -> None:
    digest = f"sha512:{hashlib.sha512(BLOB).hexdigest()}"
    answer = await api.ask("POST", f"/v2/a/blobs/uploads/?digest={digest}", BLOB)
    assert answer.status == 201
    assert (await api.ask("GET", f"/v2/a/blobs/{digest}")).body == BLOB


async def test_an_empty_blob(api: Api) -> None:
    digest = await api.upload("a", b"")
    answer = await api.ask("GET", f"/v2/a/blobs/{digest}")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


async def test_chunks_follow_each_other(api: Api) -> None:
    begun = await api.ask("POST", "/v2/a/blobs/uploads/")
    assert (begun.status, begun.headers["Range"]) == (202, "0-0")
    place = begun.headers["Location"]
    first = await api.ask("PATCH", place, BLOB[:1000], Content_Range="0-999", **OCTETS)
    assert (first.status, first.headers["Range"]) == (202, "0-999")
    for wrong in ("0-999", "1001-2000"):
        gap = await api.ask("PATCH", place, BLOB[:1000], Content_Range=wrong, **OCTETS)
        assert (gap.status, gap.headers.get("Range", "0-999")) == (416, "0-999")
    where = await api.ask("GET", place)
    assert (where.status, where.headers["Range"], where.headers["Location"]) == (204, "0-999", place)
    last = f"1000-{len(BLOB) - 1}"
    done = await api.ask("PUT", f"{place}?digest={digest_of(BLOB)}", BLOB[1000:], Content_Range=last, **OCTETS)
    assert done.status == 201
    assert (await api.ask("GET", done.headers["Location"])).body == BLOB
    assert (await api.ask("GET", place)).code == "BLOB_UPLOAD_UNKNOWN"


async def test_an_upload_that_is_not_what_it_says(api: Api) -> None:
    place = (await api.ask("POST", "/v2/a/blobs/uploads/")).headers["Location"]
    await api.ask("PATCH", place, b"something")
    answer = await api.ask("PUT", f"{place}?digest={digest_of(BLOB)}")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert (await api.ask("HEAD", f"/v2/a/blobs/{digest_of(BLOB)}")).status == 404


async def test_a_cancelled_upload_is_gone(api: Api) -> None:
    place = (await api.ask("POST", "/v2/a/blobs/uploads/")).headers["Location"]
    assert (await api.ask("DELETE", place)).status == 204
    assert (await api.ask("PATCH", place, b"x")).code == "BLOB_UPLOAD_UNKNOWN"


async def test_an_upload_belongs_to_its_repository(api: Api) -> None:
    place = (await api.ask("POST", "/v2/a/blobs/uploads/")).headers["Location"]
    assert (await api.ask("PATCH", place.replace("/v2/a/", "/v2/b/"), b"x")).code == "BLOB_UPLOAD_UNKNOWN"


async def test_mounts(api: Api) -> None:
    digest = await api.upload("a", BLOB)
    mounted = await api.ask("POST", f"/v2/b/blobs/uploads/?mount={digest}&from=a")
    assert (mounted.status, mounted.headers["Location"]) == (201, f"/v2/b/blobs/{digest}")
    assert (await api.ask("GET", f"/v2/b/blobs/{digest}")).body == BLOB
    for query in (f"mount={ABSENT}&from=a", f"mount={digest}&from=nowhere", f"mount={digest}", "mount=x&from=a"):
        answer = await api.ask("POST", f"/v2/c/blobs/uploads/?{query}")
        assert (answer.status, "Docker-Upload-UUID" in answer.headers) == (202, True), query


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [("bytes=0-9", 206, (0, 10)), ("bytes=-5", 206, (len(BLOB) - 5, len(BLOB))), ("bytes=5-", 206, (5, len(BLOB)))],
)
async def test_ranges(api: Api, asked: str, status: int, span: tuple[int, int]) -> None:
    digest = await api.upload("a", BLOB)
    answer = await api.ask("GET", f"/v2/a/blobs/{digest}", Range=asked)
    assert (answer.status, answer.body) == (status, BLOB[slice(*span)])
    assert answer.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/{len(BLOB)}"
    assert (await api.ask("GET", f"/v2/a/blobs/{digest}", Range=f"bytes={len(BLOB)}-")).status == 416


async def test_a_manifest_by_tag_and_digest(api: Api) -> None:
    pushed = image(b"layer")
    await api.push("team/app", "v1", pushed)
    for reference in ("v1", pushed.digest):
        for method, body in (("GET", pushed.manifest), ("HEAD", b"")):
            answer = await api.ask(method, f"/v2/team/app/manifests/{reference}")
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["Content-Type"] == OCI_MANIFEST
            assert answer.headers["Docker-Content-Digest"] == pushed.digest
            assert answer.headers["Content-Length"] == str(len(pushed.manifest))
    again = await api.ask("GET", "/v2/team/app/manifests/v1", If_None_Match=f'"{pushed.digest}"')
    assert again.status == 304
    assert (await api.ask("GET", "/v2/team/app/manifests/v2")).code == "MANIFEST_UNKNOWN"


async def test_a_manifest_needs_its_blobs(api: Api) -> None:
    pushed = image(b"layer")
    await api.upload("a", pushed.blobs[0])
    answer = await api.put("a", "v1", pushed.manifest)
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json["errors"][0]["detail"] == {"digest": digest_of(b"layer")}
    answer = await api.put("a", "v1", index(pushed.manifest), OCI_INDEX)
    assert answer.code == "MANIFEST_BLOB_UNKNOWN"


async def test_schema_1_is_refused_by_name(api: Api) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    answer = await api.put("a", "v1", b'{"schemaVersion": 1, "name": "a"}', kind)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert "schema version 1 are not supported" in answer.body.decode()


@pytest.mark.parametrize(("kind", "list_kind"), [(OCI_MANIFEST, OCI_INDEX), (DOCKER_MANIFEST, DOCKER_LIST)])
async def test_indexes_of_both_families(api: Api, kind: str, list_kind: str) -> None:
    one = json.loads(image(b"one").manifest) | {"mediaType": kind}
    content = json.dumps(one).encode()
    for blob in image(b"one").blobs:
        await api.upload("a", blob)
    assert (await api.put("a", digest_of(content), content, kind)).status == 201
    listed = json.loads(index(content)) | {"mediaType": list_kind}
    assert (await api.put("a", "all", json.dumps(listed).encode(), list_kind)).status == 201
    answer = await api.ask("GET", "/v2/a/manifests/all")
    assert (answer.headers["Content-Type"], answer.json["manifests"][0]["digest"]) == (list_kind, digest_of(content))
    assert (await api.ask("DELETE", f"/v2/a/manifests/{digest_of(content)}")).status == 405, "the index needs it"


async def test_a_manifest_under_a_digest_that_is_not_its_own(api: Api) -> None:
    answer = await api.put("a", ABSENT, image().manifest)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


async def test_deleting(api: Api) -> None:
    pushed = image(b"layer")
    await api.push("a", "v1", pushed)
    await api.put("a", "v2", pushed.manifest)
    layer = digest_of(b"layer")
    assert (await api.ask("DELETE", f"/v2/a/blobs/{layer}")).status == 405, "the manifest needs it"
    assert (await api.ask("DELETE", "/v2/a/manifests/v1")).status == 202
    assert (await api.ask("GET", "/v2/a/tags/list")).json == {"name": "a", "tags": ["v2"]}
    assert (await api.ask("DELETE", f"/v2/a/manifests/{pushed.digest}")).status == 202
    for path in ("v2", pushed.digest):
        assert (await api.ask("GET", f"/v2/a/manifests/{path}")).status == 404
    assert (await api.ask("DELETE", f"/v2/a/blobs/{layer}")).status == 202
    assert (await api.ask("GET", f"/v2/a/blobs/{layer}")).status == 404


async def test_tags_and_repositories_by_pages(api: Api) -> None:
    pushed = image()
    for tag in ("b", "a", "d", "c", "e"):
        await api.push("team/app", tag, pushed)
    assert (await api.ask("GET", "/v2/team/app/tags/list")).json["tags"] == ["a", "b", "c", "d", "e"]
    seen, place = [], "/v2/team/app/tags/list?n=2"
    while place:
        answer = await api.ask("GET", place)
        seen.append(answer.json["tags"])
        place = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    assert (await api.ask("GET", "/v2/team/app/tags/list?n=0")).json["tags"] == []
    assert (await api.ask("GET", "/v2/team/app/tags/list?last=c")).json["tags"] == ["d", "e"]
    for name in ("x", "y"):
        await api.push(name, "v1", pushed)
    first = await api.ask("GET", "/v2/_catalog?n=2")
    assert first.json == {"repositories": ["team/app", "x"]}
    assert first.headers["Link"] == '</v2/_catalog?n=2&last=x>; rel="next"'
    assert (await api.ask("GET", "/v2/_catalog?n=2&last=x")).json == {"repositories": ["y"]}


async def test_referrers(api: Api) -> None:
    subject = image(b"layer")
    await api.push("a", "v1", subject)
    path = f"/v2/a/referrers/{subject.digest}"
    empty = await api.ask("GET", path)
    assert (empty.status, empty.headers["Content-Type"]) == (200, OCI_INDEX)
    assert empty.json["manifests"] == []
    about = described(subject.manifest, OCI_MANIFEST)
    made = {}
    for kind in ("text/sbom", "text/signature"):
        made[kind] = image(config=kind.encode(), subject=about, artifactType=kind, annotations={"k": kind})
        for blob in made[kind].blobs:
            await api.upload("a", blob)
        answer = await api.put("a", made[kind].digest, made[kind].manifest)
        assert answer.headers["OCI-Subject"] == subject.digest
    listed = (await api.ask("GET", path)).json["manifests"]
    assert [(e["artifactType"], e["digest"], e["annotations"]) for e in listed] == [
        (kind, made[kind].digest, {"k": kind}) for kind in made
    ]
    one = await api.ask("GET", f"{path}?artifactType=text/sbom")
    assert one.headers["OCI-Filters-Applied"] == "artifactType"
    assert [e["digest"] for e in one.json["manifests"]] == [made["text/sbom"].digest]


async def test_referrers_of_older_clients_are_under_a_tag(api: Api) -> None:
    subject, old = image(b"layer"), image(config=b"{ }")
    await api.push("a", "v1", subject)
    await api.push("a", "old", old)
    tag = subject.digest.replace(":", "-")
    assert (await api.put("a", tag, index(old.manifest), OCI_INDEX)).status == 201
    listed = (await api.ask("GET", f"/v2/a/referrers/{subject.digest}")).json["manifests"]
    assert [e["digest"] for e in listed] == [old.digest]


async def test_a_subject_may_come_later(api: Api) -> None:
    subject = image(b"layer")
    about = image(subject=described(subject.manifest, OCI_MANIFEST))
    await api.push("a", "about", about)
    listed = (await api.ask("GET", f"/v2/a/referrers/{subject.digest}")).json["manifests"]
    assert [e["digest"] for e in listed] == [about.digest]


async def test_search(api: Api) -> None:
    for name in ("nginx", "team/nginx-extra", "redis"):
        await api.push(name, "v1", image())
    found = (await api.ask("GET", "/v1/search?q=nginx&n=25")).json
    assert (found["num_results"], [r["name"] for r in found["results"]]) == (2, ["nginx", "team/nginx-extra"])
    assert (await api.ask("GET", "/v1/_ping")).status == 200


async def test_metrics_count_without_names(api: Api) -> None:
    digest = await api.upload("secret/name", BLOB)
    await api.ask("GET", f"/v2/secret/name/blobs/{digest}")
    text = (await api.ask("GET", "/metrics")).body.decode()
    assert f"registry_blob_received_bytes_total {float(len(BLOB))}" in text
    assert f"registry_blob_sent_bytes_total {float(len(BLOB))}" in text
    assert 'registry_http_requests_total{code="201",method="PUT"' in text
    assert "secret" not in text
