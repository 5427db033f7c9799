FROM node:22-slim AS base
ENV PNPM_HOME="/pnpm"
ENV PATH="$PNPM_HOME:$PATH"
RUN corepack enable

FROM base AS fetch
WORKDIR /repo
COPY --parents pnpm-lock.yaml pnpm-workspace.yaml packages/*/package.json ./
RUN --mount=type=cache,id=pnpm,target=/pnpm/store,sharing=locked pnpm fetch

FROM fetch AS build
COPY --link --exclude=**/*.md --exclude=.git . .
RUN --mount=type=cache,id=pnpm,target=/pnpm/store,sharing=locked \
    pnpm install --offline --frozen-lockfile && pnpm -r run build
RUN pnpm deploy --filter=web --prod /prod/web

FROM base AS web
COPY --from=build /prod/web /prod/web
WORKDIR /prod/web
EXPOSE 8000
CMD [ "pnpm", "start" ]
