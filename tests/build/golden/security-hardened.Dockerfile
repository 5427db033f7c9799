# check=error=false
FROM cgr.dev/chainguard/wolfi-base@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
ARG SOURCE_DATE_EPOCH=1700000000
RUN --network=none --security=sandbox adduser -D -u 10001 app
COPY --chown=10001:10001 --chmod=u=rwX,go= secrets.d/ /run/app/
USER 10001
WORKDIR /home/app
RUN --mount=type=tmpfs,target=/scratch,size=64m --mount=type=cache,target=.cache,uid=10001,gid=10001,mode=0700 \
    make -C /scratch
HEALTHCHECK NONE
ENTRYPOINT ["/sbin/tini", "--"]
CMD ["app"]
