"""Packages as an SPDX document. Library: spdx-tools, which is slow to import: only who asks for one pays."""

import re
from datetime import UTC, datetime
from typing import Any

from boxship import __version__
from boxship.engine.build.attest.packages import Found, Package

PREDICATE = "https://spdx.dev/Document"


def spdx(found: Found, name: str, identity: str, epoch: int) -> dict[str, Any]:
    """Return an SPDX 2.3 document. identity: makes its namespace unique.  epoch: seconds since 1970 it gets as its
    time, so that the same image has the same document. For a thread."""
    from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
    from spdx_tools.spdx.model import (
        Actor,
        ActorType,
        CreationInfo,
        Document,
        PackagePurpose,
        Relationship,
        RelationshipType,
        SpdxNoAssertion,
    )
    from spdx_tools.spdx.model import (
        Package as Spdx,
    )

    info = CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=name,
        document_namespace=f"urn:boxship:sbom:{identity}",
        creators=[Actor(ActorType.TOOL, f"boxship-{__version__}")],
        created=datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None),
    )
    top = Spdx(
        spdx_id="SPDXRef-Image",
        name=name,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        primary_package_purpose=PackagePurpose.CONTAINER,
    )
    packages = {_id(package): _package(package, found) for package in found.packages}
    relations = [Relationship("SPDXRef-DOCUMENT", RelationshipType.DESCRIBES, top.spdx_id)]
    relations += [Relationship(top.spdx_id, RelationshipType.CONTAINS, id) for id in packages]
    document = Document(info, packages=[top, *packages.values()], relationships=relations)
    told: dict[str, Any] = DocumentConverter().convert(document)
    return told


def _id(package: Package) -> str:
    text = "-".join((package.kind, package.namespace, package.name, package.version, package.architecture))
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def _package(package: Package, found: Found) -> Any:
    from packageurl import PackageURL
    from spdx_tools.spdx.model import (
        ExternalPackageRef,
        ExternalPackageRefCategory,
        SpdxNoAssertion,
    )
    from spdx_tools.spdx.model import (
        Package as Spdx,
    )

    distribution = f"{found.distribution}-{found.release}".strip("-") if package.kind in ("deb", "apk") else ""
    qualifiers = {"arch": package.architecture, "distro": distribution}
    url = PackageURL(
        package.kind, package.namespace or None, package.name, package.version,
        {key: value for key, value in qualifiers.items() if value} or None,
    )  # fmt: skip
    reference = ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", url.to_string())
    return Spdx(
        spdx_id=_id(package),
        name=package.name,
        version=package.version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        external_references=[reference],
        source_info=f"found in /{package.found}" if package.found else None,
    )
