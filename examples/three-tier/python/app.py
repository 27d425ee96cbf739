"""The application tier: counts visits in PostgreSQL, and remembers the answer for a moment in Redis."""

import json
import os
import socket

import psycopg2
import redis
from serve import Answer, serve

CACHE = redis.Redis(os.environ["CACHE"], socket_timeout=2)
KEPT = 1  # seconds that an answer stays in the cache


def password() -> str:
    with open("/run/secrets/db_password", encoding="utf-8") as file:
        return file.read().strip()


def database():
    return psycopg2.connect(host=os.environ["DATABASE"], user="app", dbname="postgres", password=password())


def visit() -> int:
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE visits SET count = count + 1 RETURNING count")
        count = cursor.fetchone()[0]
    connection.close()
    CACHE.set("visits", count, ex=KEPT)
    return count


def answer(path: str) -> Answer:
    if path == "/healthy":
        CACHE.ping()
        return 200, "text/plain", b"ok\n"
    told = {"visits": visit(), "application": socket.gethostname(), "redis": CACHE.info("server")["redis_version"]}
    return 200, "application/json", json.dumps(told).encode()


def prepare() -> None:
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")  # replicas start side by side
        cursor.execute("CREATE TABLE IF NOT EXISTS visits (count bigint)")
        cursor.execute("INSERT INTO visits SELECT 0 WHERE NOT EXISTS (SELECT FROM visits)")
    connection.close()


if __name__ == "__main__":
    prepare()
    serve(answer)
