FROM alpine AS assets
RUN make-assets
FROM onbuild AS uses-trigger
ENV X=after
FROM alpine AS trigger
ONBUILD COPY --from=assets /assets /assets
ONBUILD RUN <<EOF
process /assets
EOF
FROM trigger
COPY --from=uses-trigger /m /m
RUN finish
