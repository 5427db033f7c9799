FROM busybox AS one
RUN sleep 1 && touch /one
FROM busybox AS two
RUN sleep 1 && touch /two
FROM busybox AS three
RUN sleep 1 && touch /three
FROM busybox AS unused
RUN false
FROM busybox
COPY --from=one /one /
COPY --from=1 /two /
RUN --mount=from=three,source=/three,target=/three cp /three /copy
