# The image of `traceway`: local mode by default, cloud mode with `traceway serve --cloud`. docs/hosting.md says how to run it.
# All bases exist for amd64 and arm64, and nothing below depends on which it is.

FROM node:20.20.2-bookworm-slim AS dashboard
WORKDIR /dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY dashboard/ ./
RUN npm run build

FROM rust:1.95.0-slim-bookworm AS chef
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /build

# The recipe changes with manifests and Cargo.lock only, so that the layer below holds the dependencies, compiled.
FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --package api --recipe-path recipe.json
COPY . .
COPY --from=dashboard /dashboard/dist /dashboard
RUN TRACEWAY_DASHBOARD=/dashboard cargo build --release --locked --package api

FROM debian:bookworm-20260918-slim AS runtime
# Debian keeps only the newest version of a package, so that a pinned one could not be installed for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 traceway \
    && useradd --system --uid 10001 --gid traceway --home-dir /data --no-create-home traceway \
    && install --directory --owner traceway --group traceway --mode 0700 /data
COPY --from=builder /build/target/release/traceway /usr/local/bin/traceway
LABEL org.opencontainers.image.title="traceway" \
      org.opencontainers.image.description="Observability for LLM applications" \
      org.opencontainers.image.source="https://github.com/traceway/traceway" \
      org.opencontainers.image.licenses="MIT"
# Data is in /data. There is no VOLUME on purpose: Railway refuses images that have one, and an anonymous volume is
# lost with its container. Mount a named one; it takes over the owner of the folder.
ENV TRACEWAY_DATA_DIR=/data
WORKDIR /data
USER 10001:10001
EXPOSE 3000 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["traceway", "health"]
# Flags and not variables, which would also take the port of cloud mode away from PORT. No ENTRYPOINT, so that the
# start command of a platform is the whole command.
CMD ["traceway", "serve", "--api-addr", "0.0.0.0:3000", "--proxy-addr", "0.0.0.0:3001"]
