FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /out/ ./worker ./starter
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /standins/ ./internal/standin

# Nothing but the binaries, and the certificates to verify the vendors with.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENV PATH=/usr/local/bin
USER 65532:65532

# The strict stand-ins for both vendors, for trying things out.
FROM base AS standins
COPY --from=build /standins/ /usr/local/bin/
ENTRYPOINT ["standin"]

# What production runs, with "worker" or "starter serve" for a command.
FROM base AS advocatesync
COPY --from=build /out/ /usr/local/bin/
