FROM scratch AS schema
COPY proto/ /proto/
COPY --chmod=444 LICENSE README.md /
FROM scratch
COPY --link --from=schema / /
LABEL type=artifact
