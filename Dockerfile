# syntax=docker/dockerfile:1
# The web client, then the binary with it inside, then an image with nothing but that binary.

FROM node:22-bookworm-slim AS web
WORKDIR /src/clients
COPY clients/package.json clients/package-lock.json ./
COPY clients/sdk/package.json sdk/
COPY clients/web/package.json web/
COPY clients/e2e/package.json e2e/
COPY clients/interop/package.json interop/
RUN npm ci --no-audit --no-fund
COPY clients ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS server
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY .sqlx .sqlx
COPY migrations migrations
COPY loadtest loadtest
COPY src src
COPY --from=web /src/clients/web/dist clients/web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin atelier && cp target/release/atelier /atelier

# glibc, certificates and a user without rights: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=server /atelier /usr/local/bin/atelier
# There is no PostgreSQL in here: DATABASE_URL has to name one. See docs/operating.md.
ENV ATELIER_LISTEN=0.0.0.0:8080 ATELIER_LOG_FORMAT=json
USER nonroot:nonroot
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s CMD ["/usr/local/bin/atelier", "health", "live"]
ENTRYPOINT ["/usr/local/bin/atelier"]
CMD ["serve"]
