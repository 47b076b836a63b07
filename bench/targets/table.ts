import { GATEHOUSE_VARIANTS, gatehouseTarget } from './gatehouse.ts';
import { prepareGatehouse } from './gatehouse-setup.ts';
import { nginx } from './nginx.ts';
import { nodeProcess } from './node-process.ts';
import type { Target } from './target.ts';

/** The two that all others are compared with. */
export const BASELINES = ['bare', 'fastify-http-proxy'] as const;

/** Every target that can be named in a suite. */
export const TARGETS: readonly Target[] = [
  nodeProcess('bare', 'node:http and undici dispatch, nothing else'),
  nodeProcess('fastify-http-proxy', '@fastify/http-proxy, no authentication, no request logging'),
  nodeProcess('fastify-route', 'a catch-all route of fastify, with hijack and undici dispatch'),
  nodeProcess(
    'fastify-hijack',
    '@fastify/http-proxy with its handler replaced by hijack and undici dispatch',
  ),
  nginx,
  ...GATEHOUSE_VARIANTS.map((variant) => gatehouseTarget(variant, prepareGatehouse)),
];

/** Idle processes go cold, so that more of them would disturb each other's figures. */
export const TARGETS_PER_SUITE = 9;

/** Measured together, in turns. Each name is in `TARGETS`. */
export const SUITES: Readonly<Record<string, readonly string[]>> = {
  proxy: [
    'bare',
    'fastify-http-proxy',
    'nginx',
    'gatehouse-key-fields',
    'gatehouse-key-assertion',
    'gatehouse-key-signature',
    'gatehouse-bearer-fields',
    'gatehouse-bearer-assertion',
    'gatehouse-bearer-signature',
  ],
  'api-key': [
    'bare',
    'fastify-http-proxy',
    'nginx',
    'gatehouse-key-fields',
    'gatehouse-key-assertion',
    'gatehouse-key-signature',
  ],
  bearer: [
    'bare',
    'fastify-http-proxy',
    'nginx',
    'gatehouse-bearer-fields',
    'gatehouse-bearer-assertion',
    'gatehouse-bearer-signature',
  ],
  session: [
    'bare',
    'fastify-http-proxy',
    'gatehouse-key-fields',
    'gatehouse-key-assertion',
    'gatehouse-session-fields',
    'gatehouse-session-assertion',
  ],
  /** What it costs to verify a token, against remembering it. */
  'bearer-cold': ['bare', 'nginx', 'gatehouse-bearer-fields', 'gatehouse-bearer-cold'],
  /** What it costs to mount the same pass-through in three places. */
  mounts: ['bare', 'fastify-route', 'fastify-hijack', 'fastify-http-proxy'],
};
