FROM node:20 AS build
WORKDIR /web
COPY package*.json ./
RUN npm ci
COPY . ./
RUN npm run build

FROM nginx:1.27-alpine
RUN rm /etc/nginx/conf.d/default.conf
COPY nginx/*.conf /etc/nginx/conf.d/
COPY --from=build /web/dist /usr/share/nginx/html
COPY --chmod=0755 docker-entrypoint.d/*.sh /docker-entrypoint.d/
LABEL org.opencontainers.image.title="Static site" \
      org.opencontainers.image.description="Multi word, with \"quotes\"" \
      org.opencontainers.image.version=1.0
