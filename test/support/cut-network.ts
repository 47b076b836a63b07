import { spawnSync } from 'node:child_process';
import type { ServedPlace } from './served-program.ts';

/** Places of their own behind a router that can lose whatever it should pass on, without a word to either side. */
export interface CutNetwork {
  /** Address of the test, which all places reach at all times. */
  readonly here: string;
  /** Another one of the test, for servers that places are to be cut off from. */
  readonly far: string;
  readonly places: readonly ServedPlace[];
  /** From now on nothing that the far address sends to these places arrives; nor, unless it is `answers`, what they send. */
  cut(places: readonly number[], what: 'answers' | 'everything'): void;
  mend(): void;
  remove(): void;
}

const SUBNET = `10.${80 + (process.pid % 100)}`;
/** Names of network interfaces have at most 15 characters. */
const NAME = `gc${process.pid % 100_000}`;
const ROUTER = `${NAME}r`;

/** Why there can be none here, for the title of what is skipped; `undefined` when there can. */
export const cutNetworkMissing = whyMissing();

function whyMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const created = ip('netns', 'add', ROUTER);
  if (created.status !== 0) return `ip netns: ${created.error?.message ?? created.stderr.trim()}`;
  ip('netns', 'del', ROUTER);
  return undefined;
}

/** One place for each gateway. The addresses are taken from 10.80.0.0/9 and are of this machine alone. */
export function createCutNetwork(count: number): CutNetwork {
  const names = Array.from({ length: count }, (_, at) => `${NAME}p${at}`);
  const here = `${SUBNET}.255.1`;
  const far = `${SUBNET}.255.3`;
  const hostOf = (at: number) => `${SUBNET}.${at}.2`;
  let isCut: readonly (readonly string[])[] = [];

  function remove(): void {
    ip('link', 'del', `${NAME}h`);
    for (const name of [ROUTER, ...names]) ip('netns', 'del', name);
  }

  try {
    configure('netns', 'add', ROUTER);
    within(ROUTER, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0');
    connect(undefined, `${NAME}h`, here, `${SUBNET}.255.2`);
    configure('addr', 'add', `${far}/24`, 'dev', `${NAME}h`);
    configure('route', 'add', `${SUBNET}.0.0/16`, 'via', `${SUBNET}.255.2`);
    for (const [at, name] of names.entries()) {
      configure('netns', 'add', name);
      configure('-n', name, 'link', 'set', 'lo', 'up');
      connect(name, `${NAME}${at}`, hostOf(at), `${SUBNET}.${at}.1`);
      configure('-n', name, 'route', 'add', 'default', 'via', `${SUBNET}.${at}.1`);
    }
  } catch (error) {
    remove();
    throw error;
  }

  return {
    here,
    far,
    places: names.map((name, at) => ({ launcher: ['ip', 'netns', 'exec', name], host: hostOf(at) })),
    cut(places, what) {
      const rules = places.flatMap((at) => [
        ['from', far, 'to', hostOf(at), 'blackhole'],
        ...(what === 'everything' ? [['from', hostOf(at), 'to', far, 'blackhole']] : []),
      ]);
      for (const rule of rules) configure('-n', ROUTER, 'rule', 'add', ...rule);
      isCut = [...isCut, ...rules];
    },
    mend() {
      for (const rule of isCut) configure('-n', ROUTER, 'rule', 'del', ...rule);
      isCut = [];
    },
    remove,
  };
}

/** A cable between the router and one end. */
function connect(end: string | undefined, device: string, address: string, gateway: string): void {
  const of = end === undefined ? [] : ['-n', end];
  const place = end === undefined ? [] : ['netns', end];
  configure('link', 'add', device, ...place, 'type', 'veth', 'peer', 'name', `${device}x`, 'netns', ROUTER);
  configure(...of, 'addr', 'add', `${address}/24`, 'dev', device);
  configure(...of, 'link', 'set', device, 'up');
  configure('-n', ROUTER, 'addr', 'add', `${gateway}/24`, 'dev', `${device}x`);
  configure('-n', ROUTER, 'link', 'set', `${device}x`, 'up');
}

function ip(...args: readonly string[]) {
  return spawnSync('ip', args, { encoding: 'utf8', timeout: 5000 });
}

function configure(...args: readonly string[]): void {
  const done = ip(...args);
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr}`);
}

function within(name: string, ...command: readonly string[]): void {
  configure('netns', 'exec', name, ...command);
}
