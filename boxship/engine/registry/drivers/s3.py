"""Blobs as objects of an S3 bucket, by boto3: uploads in parts, downloads by range. Calls run in threads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
import botocore.config
import botocore.exceptions

from boxship.base.errors import NotFound, PlatformError
from boxship.engine.registry.drivers.api import Stored
from boxship.engine.registry.options import Bucket

T = TypeVar("T")
CHUNK = 1 << 20
CONNECTIONS = 32


class S3:
    """Driver over one bucket, which must exist. What a crash leaves of an upload in parts is no object; a lifecycle
    rule of the bucket removes it."""

    def __init__(self, place: Bucket) -> None:
        self._bucket = place.bucket
        self._prefix = place.prefix.strip("/") + "/" if place.prefix.strip("/") else ""
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=place.endpoint or None,
            region_name=place.region,
            aws_access_key_id=place.access_key or None,
            aws_secret_access_key=place.secret_key or None,
            config=botocore.config.Config(
                max_pool_connections=CONNECTIONS, retries={"max_attempts": 5, "mode": "standard"}
            ),
        )

    def local(self, key: str) -> Path | None:
        return None

    async def take(self, file: Path, key: str) -> None:
        await self._call(lambda: self._client.upload_file(str(file), self._bucket, self._prefix + key))
        await asyncio.to_thread(file.unlink)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        if length == 0:
            return
        last = "" if length is None else str(start + length - 1)
        span = {"Range": f"bytes={start}-{last}"} if start or last else {}
        answer = await self._call(
            lambda: self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **span), key
        )
        body = answer["Body"]
        try:
            while piece := await self._call(lambda: body.read(CHUNK)):
                yield piece
        finally:
            body.close()

    async def remove(self, key: str) -> None:
        await self._call(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key))

    async def all(self) -> AsyncIterator[Stored]:
        token: dict[str, str] = {}
        while True:
            page = await self._call(self._page(token))
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._prefix)
                yield Stored(key, entry["Size"], entry["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, token: dict[str, str]) -> Callable[[], Any]:
        return lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **token)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._client.close)

    async def _call(self, act: Callable[[], T], key: str = "") -> T:
        """Run `act` in a thread. Raises NotFound for a key that is not there, PlatformError for the rest."""
        try:
            return await asyncio.to_thread(act)
        except botocore.exceptions.ClientError as e:
            if e.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise NotFound(f"no such blob: {key}") from e
            raise PlatformError(f"S3: {e}") from e
        except (botocore.exceptions.BotoCoreError, boto3.exceptions.Boto3Error) as e:
            raise PlatformError(f"S3: {e}") from e
