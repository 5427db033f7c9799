# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.4.0 AS xx
FROM --platform=$BUILDPLATFORM alpine AS build
COPY --from=xx / /
RUN apk add clang lld
ARG TARGETPLATFORM
RUN xx-apk add --no-cache musl-dev gcc
COPY hello.c .
RUN --network=none xx-clang -o hello hello.c && xx-verify hello
FROM alpine
COPY --from=build hello /usr/bin/
