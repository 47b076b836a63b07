# Two stages compile and gather the production dependencies; the image has those, the compiled program and nothing else.
#
#   docker build -t gatehouse .
#   docker run --read-only -p 8080:8080 -v gatehouse:/var/lib/gatehouse -v ./gatehouse.yaml:/etc/gatehouse/gatehouse.yaml:ro gatehouse

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With optional packages: the compiler's binaries are some.
RUN npm ci --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/sbom.mjs ./scripts/
RUN npm ci --omit=dev --omit=optional --no-audit && node scripts/sbom.mjs > sbom.cdx.json

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# What is in the image, for scanners: CycloneDX.
COPY --from=dependencies /app/sbom.cdx.json ./
# The store, its key and the first admin token are in ./data, as everywhere; here that is the volume.
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/gatehouse && ln -s /var/lib/gatehouse data
# The user node of the base image, by number, so that a platform can see that it is not root.
USER 1000:1000
VOLUME /var/lib/gatehouse
# Clients, metrics and health checks, and, if configured, forward-auth by HTTP and gRPC.
EXPOSE 8080 9464 8082 8083
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve", "--config", "/etc/gatehouse/gatehouse.yaml"]
