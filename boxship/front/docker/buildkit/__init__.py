"""BuildKit's API, spoken by buildx and compose: gRPC over connections taken over from HTTP.

Only `routes` is imported with the application; all else, and with it grpclib and protobuf, comes with the first call.
`pb` is generated (`make protos`).
"""
