# The legacy API of the demo, which Node runs from its source.
FROM node:26-slim
WORKDIR /app
RUN npm install --no-save --no-audit --no-fund ws@8.23.0
COPY demo/legacy-api ./legacy-api
USER 1000:1000
EXPOSE 3000
CMD ["node", "legacy-api/main.ts", "--host", "0.0.0.0", "--port", "3000"]
