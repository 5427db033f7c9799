# syntax=docker/dockerfile:1
FROM alpine AS fetch
RUN apk add --no-cache git openssh-client
RUN mkdir -p -m 0700 ~/.ssh && ssh-keyscan github.com >> ~/.ssh/known_hosts
RUN --mount=type=ssh git clone git@github.com:org/private.git /src
RUN --mount=type=ssh,id=other,required --mount=type=secret,id=token,env=API_TOKEN \
    cd /src && ./fetch "$API_TOKEN"
FROM scratch
COPY --from=fetch /src/out /
