# VERSION and COMMIT are what the programs say of themselves: docker build
# --build-arg VERSION=1.2.0 --build-arg COMMIT=$(git rev-parse HEAD). CONTRIBUTING.md
# says how to renew the base.
FROM golang:1.26.11 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -X advocatesync/internal/buildinfo.version=$VERSION -X advocatesync/internal/buildinfo.commit=$COMMIT" -o /out/ ./worker ./starter
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /standins/ ./internal/standin
RUN CGO_ENABLED=0 go run -trimpath -buildvcs=false ./internal/sbom /out/worker /out/starter > /sbom.cdx.json

# Nothing but the binaries, and the certificates to verify the vendors with.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENV PATH=/usr/local/bin
USER 65532:65532

# The strict stand-ins for both vendors, for trying things out.
FROM base AS standins
COPY --from=build /standins/ /usr/local/bin/
ENTRYPOINT ["standin"]

# What production runs, with "worker" or "starter serve" for a command, and the
# list of what is linked into it.
FROM base AS advocatesync
COPY --from=build /sbom.cdx.json /usr/share/advocatesync/
COPY --from=build /out/ /usr/local/bin/
