# Built by BuildKit, as every engine does since version 23; an earlier one wants DOCKER_BUILDKIT=1.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
# The caches stay on the machine that builds: a second build compiles only what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --bin invoice-dispatcher \
    && install target/dist/invoice-dispatcher /usr/local/bin/invoice-dispatcher

FROM debian:bookworm-slim
# The relay's, the broker's and the database's certificates are verified against the system's authorities.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 dispatcher \
    && useradd --system --uid 10001 --gid dispatcher --create-home --home-dir /var/lib/invoice-dispatcher dispatcher
COPY --from=build /usr/local/bin/invoice-dispatcher /usr/local/bin/invoice-dispatcher
USER 10001:10001
# Embedded defaults (`data/…`) are relative to this folder.
WORKDIR /var/lib/invoice-dispatcher
EXPOSE 8080 8081 9464
# Drains: what is under way ends, nothing new begins.
STOPSIGNAL SIGTERM
# The loops turn. Whether the database answers is `/readyz`: no reason to restart the worker.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /livez HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["invoice-dispatcher"]
CMD ["run"]
