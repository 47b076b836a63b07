import { readFile, writeFile } from 'node:fs/promises';
import { REQUEST_PATH } from '../../load/request.ts';
import { loadKnownKeys } from '../bulk-load.ts';
import { type ConfigPart, presentingKeys } from '../gateway-on-redis.ts';
import type { Population } from './population.ts';

const ROUTES_PER_AREA = 100;

/** As in a grown API: areas with resources, each with a parameter. */
function pathOf(serial: number, id: string): string {
  return `/areas/area-${Math.floor(serial / ROUTES_PER_AREA)}/resource-${serial}/${id}`;
}

function routeOf(serial: number): ConfigPart {
  return {
    id: `resource-${serial}`,
    match: { path: pathOf(serial, '{id}'), methods: ['GET', 'POST'] },
    accept: ['apiKey'],
    require: { scopes: ['orders:read'] },
    upstream: 'api',
  };
}

export const ROUTES: Population = {
  name: 'routes',
  about: 'start, memory, cost of a request and of a reload with many routes, against ten',
  records: 'routes',
  least: 10,
  many: 10_000,
  async known(redis, _, records) {
    return {
      ...presentingKeys(await loadKnownKeys(redis, 1)),
      routes: Array.from({ length: records - 1 }, (_route, serial) => routeOf(serial)),
    };
  },
  load: () => Promise.resolve(),
  kinds: ['one route', 'many in turn'],
  requests({ requests: [text = ''] }, records, count) {
    const at = (index: number): string =>
      text.replace(REQUEST_PATH, pathOf(Math.floor((index * (records - 1)) / count), '9007199254740993'));
    return [at(0), Array.from({ length: count }, (_, index) => at(index))];
  },
  change: {
    about: 'a reload, routes',
    times: 1,
    async make({ configFile, process }, turn) {
      const text = await readFile(configFile, 'utf8');
      await writeFile(configFile, text.replace('X-User-Id', `X-User-Id-${turn}`));
      process.child.kill('SIGHUP');
    },
    settlesMs: 8000,
  },
};
