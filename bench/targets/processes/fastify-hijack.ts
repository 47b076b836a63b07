import httpProxy from '@fastify/http-proxy';
import { fastify } from 'fastify';
import { processArguments, UPSTREAM_CONNECTIONS } from './arguments.ts';
import { createPassThrough } from './pass-through.ts';

const { port, upstream } = processArguments();
const passThrough = createPassThrough(upstream, UPSTREAM_CONNECTIONS);
const server = fastify({ logger: false });
await server.register(httpProxy, {
  upstream,
  handler(request, reply) {
    reply.hijack();
    passThrough(request.raw, reply.raw);
  },
});
await server.listen({ port, host: '127.0.0.1' });
