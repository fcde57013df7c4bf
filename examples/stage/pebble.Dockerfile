# Pebble and its DNS server from static binaries, where their public images cannot be pulled.
ARG BASE=scratch
FROM ${BASE}
ARG PROGRAM
COPY ${PROGRAM} /app
ENTRYPOINT ["/app"]
