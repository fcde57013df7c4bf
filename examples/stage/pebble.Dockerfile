# Pebble and its DNS server from static binaries, where their public images cannot be pulled.
FROM scratch
ARG PROGRAM
COPY ${PROGRAM} /app
ENTRYPOINT ["/app"]
