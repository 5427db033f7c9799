FROM python:3.11 AS builder
ARG POETRY_VERSION=1.8.2
ENV POETRY_HOME=/opt/poetry POETRY_VIRTUALENVS_IN_PROJECT=true
ENV PATH=$POETRY_HOME/bin:$PATH
RUN <<EOF
set -eu
curl -sSL https://install.python-poetry.org | python3 - --version "${POETRY_VERSION}"
poetry --version
EOF
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN --mount=type=cache,target=/root/.cache poetry install --only main --no-root

FROM python:3.11-slim
COPY --from=builder /app/.venv /app/.venv
COPY src /app/src
ENV PATH="/app/.venv/bin:${PATH}"
WORKDIR /app
STOPSIGNAL SIGINT
ENTRYPOINT ["python", "-m", "src.main"]
