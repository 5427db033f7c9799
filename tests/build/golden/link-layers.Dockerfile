FROM alpine AS a
RUN touch /a
FROM alpine AS b
RUN touch /b
FROM alpine
COPY --link --from=a /a /
COPY --link --from=b --chown=5:6 /b /
COPY --link conf /etc/conf/
WORKDIR /work
ADD --link https://example.com/f /work/
RUN ls
