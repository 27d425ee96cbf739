#!/usr/bin/env bash
# Generate the code for BuildKit's messages and services from the .proto files beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
folder=boxship/front/docker/buildkit/pb
rm -f "$folder"/*_pb2.py "$folder"/*_pb2.pyi "$folder"/*_grpc.py
python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpclib_python_out=. "$folder"/*.proto
