import type { Credentials } from './credentials.ts';
import { BY_KEY, byItself, inEnvoy, keyField, mended, type Row } from './row.ts';

const line = 'GET /api/orders/1';
const CLEANED = 'cleans the path before it asks, and forwards what was judged';
const ORIGIN_FORM = 'makes the target one in origin form before it asks, and forwards what was judged';
const own = (of: Credentials) => [keyField(of.key)];

/** Paths and hosts that could be read in two ways. */
export const PATH_ROWS: readonly Row[] = [
  {
    title: 'a query',
    line: 'GET /api/orders/1?a=1&b=%20&a=%2F..%2F',
    fields: own,
    decision: '200',
    told: BY_KEY,
  },
  { title: 'an empty query', line: 'GET /api/orders/1?', fields: own, decision: '200', told: BY_KEY },
  { title: 'a trailing slash', line: 'GET /api/orders/1/', fields: own, decision: '200', told: BY_KEY },
  { title: 'an encoded space', line: 'GET /api/orders/a%20b', fields: own, decision: '200', told: BY_KEY },
  {
    title: 'letters that are encoded',
    line: 'GET /api/%6Frders/1',
    fields: own,
    decision: '200',
    told: BY_KEY,
    except: { traefik: mended(BY_KEY, 'GET /api/orders/1', CLEANED) },
  },
  { title: 'path parameters', line: 'GET /api/orders/1;a=b', fields: own, decision: '200', told: BY_KEY },
  {
    title: 'path parameters of the first segment',
    line: 'GET /any;x/1',
    fields: own,
    decision: '404 route_not_found',
  },
  { title: 'no route', line: 'GET /nowhere', fields: own, decision: '404 route_not_found' },
  { title: 'the root', line: 'GET /', fields: own, decision: '404 route_not_found' },
  {
    title: 'dot segments',
    line: 'GET /status/../admin/x',
    fields: own,
    decision: '400 path_not_canonical',
    except: { traefik: { decision: '403 insufficient_scope', why: CLEANED } },
  },
  {
    title: 'dot segments within a route',
    line: 'GET /any/a/./b',
    fields: own,
    decision: '400 path_not_canonical',
    except: { traefik: mended(BY_KEY, 'GET /any/a/b', CLEANED) },
  },
  {
    title: 'dot segments beyond the root',
    line: 'GET /any/../../x',
    fields: own,
    decision: '400 path_not_canonical',
    except: {
      nginx: byItself(400, 'resolves the path itself and refuses it'),
      traefik: { decision: '404 route_not_found', why: CLEANED },
    },
  },
  {
    title: 'encoded dot segments',
    line: 'GET /status/%2e%2e/admin/x',
    fields: own,
    decision: '400 path_not_canonical',
    except: { traefik: { decision: '403 insufficient_scope', why: CLEANED } },
  },
  { title: 'an encoded slash', line: 'GET /any/a%2Fb', fields: own, decision: '400 path_not_canonical' },
  { title: 'a backslash', line: 'GET /any/a\\b', fields: own, decision: '400 path_not_canonical' },
  { title: 'an encoded backslash', line: 'GET /any/a%5Cb', fields: own, decision: '400 path_not_canonical' },
  { title: 'double encoding', line: 'GET /any/a%252Fb', fields: own, decision: '400 path_not_canonical' },
  {
    title: 'an encoded NUL',
    line: 'GET /any/a%00b',
    fields: own,
    decision: '400 path_not_canonical',
    except: { nginx: byItself(400, 'resolves the path itself and refuses it') },
  },
  {
    title: 'half an encoding',
    line: 'GET /any/a%2',
    fields: own,
    decision: '400 path_not_canonical',
    except: {
      nginx: byItself(400, 'resolves the path itself and refuses it'),
      traefik: byItself(400, "Go's server refuses it"),
      caddy: byItself(400, "Go's server refuses it"),
    },
  },
  {
    title: 'two slashes',
    line: 'GET //any/x',
    fields: own,
    decision: '400 path_not_canonical',
    except: { traefik: mended(BY_KEY, 'GET /any/x', CLEANED) },
  },
  {
    title: 'two slashes within',
    line: 'GET /any//x',
    fields: own,
    decision: '400 path_not_canonical',
    except: { traefik: mended(BY_KEY, 'GET /any/x', CLEANED) },
  },
  {
    title: 'a fragment',
    line: 'GET /any/x#y',
    fields: own,
    decision: '400 path_not_canonical',
    except: {
      ...inEnvoy(byItself(400, 'refuses a # in the target')),
      traefik: byItself(400, 'refuses an encoded #'),
      haproxy: byItself(400, 'refuses a # in the target'),
    },
  },
  {
    title: 'an absolute target',
    line: 'GET http://acme.gw.test/any/x',
    fields: own,
    decision: '400 path_not_canonical',
    except: {
      http2: { decision: 'reset', why: "Node's HTTP/2 resets the stream" },
      ...inEnvoy(mended(BY_KEY, 'GET /any/x', ORIGIN_FORM)),
      nginx: mended(BY_KEY, 'GET /any/x', ORIGIN_FORM),
      traefik: mended(BY_KEY, 'GET /any/x', ORIGIN_FORM),
      caddy: mended(BY_KEY, 'GET /any/x', ORIGIN_FORM),
    },
  },
  {
    title: 'a long target',
    line: `GET /any/${'x'.repeat(9000)}`,
    fields: own,
    decision: '414 target_too_long',
    except: { nginx: byItself(414, 'reads lines of at most 8 KiB') },
  },

  {
    title: 'a host with a port',
    line,
    host: 'acme.gw.test:8000',
    fields: own,
    decision: '200',
    told: BY_KEY,
  },
  {
    title: 'a host in capital letters',
    line,
    host: 'ACME.GW.TEST',
    fields: own,
    decision: '200',
    told: BY_KEY,
  },
  {
    title: 'a host with a final dot',
    line,
    host: 'acme.gw.test.',
    fields: own,
    decision: '200',
    told: BY_KEY,
  },
  {
    title: 'a host with user information',
    line,
    host: 'x@acme.gw.test',
    fields: own,
    decision: '400 host_invalid',
    except: {
      http2: { decision: 'reset', why: "Node's HTTP/2 resets the stream" },
      traefik: byItself(400, "Go's server refuses it"),
      caddy: byItself(400, "Go's server refuses it"),
    },
  },
  {
    title: 'a host of rubbish',
    line,
    host: 'acme gw',
    fields: own,
    decision: '400 host_invalid',
    except: {
      http2: { decision: 'reset', why: "Node's HTTP/2 resets the stream" },
      ...inEnvoy(byItself(400, 'reads Host itself')),
      nginx: byItself(400, 'reads Host itself'),
      traefik: byItself(400, "Go's server refuses it"),
      caddy: byItself(400, "Go's server refuses it"),
    },
  },
  { title: 'an address for a host', line, host: '127.0.0.1', fields: own, decision: '200', told: BY_KEY },
];
