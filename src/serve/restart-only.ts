import { isDeepStrictEqual } from 'node:util';
import { Secret } from '../base/secret.ts';
import type { Settings } from '../config/schema/config.ts';

/** Settings that are read once: a reload that changes them says so, and applies everything else. */
const RESTART_ONLY: Readonly<Record<string, (settings: Settings) => unknown>> = {
  'listen.public.address': (settings) => settings.listen.public.address,
  'listen.public.tls (added or removed)': (settings) => settings.listen.public.tls !== undefined,
  'listen.public.http2': (settings) => settings.listen.public.http2 ?? true,
  'listen.admin': (settings) => settings.listen.admin,
  'listen.ops': (settings) => settings.listen.ops,
  'listen.forwardAuth': (settings) => settings.listen.forwardAuth,
  workers: (settings) => settings.workers,
  store: (settings) => revealed(settings.store),
  encryptionKeys: (settings) => settings.encryptionKeys.map(({ id, key }) => [id, key.reveal()]),
  assertionKeys: (settings) => settings.assertionKeys,
  'admin.tokens': (settings) =>
    settings.admin.tokens.map(({ name, token, role }) => [name, token.reveal(), role]),
  'audit.keep': (settings) => settings.audit.keep,
  'limits.queueDelay': (settings) => settings.limits.queueDelay,
  'limits.fieldBytes': (settings) => settings.limits.fieldBytes,
  'limits.headerTimeout': (settings) => settings.limits.headerTimeout,
  'limits.readIdle': (settings) => settings.limits.readIdle,
  'limits.connections': (settings) => settings.limits.connections,
  'limits.connectionsPerPeer': (settings) => settings.limits.connectionsPerPeer,
  'limits.keepAlive': (settings) => settings.limits.keepAlive,
  'limits.http2Streams': (settings) => settings.limits.http2Streams,
};

/** Names of changed settings that need a restart. */
export function changedRestartOnly(before: Settings, after: Settings): readonly string[] {
  return Object.entries(RESTART_ONLY).flatMap(([name, read]) =>
    isDeepStrictEqual(read(before), read(after)) ? [] : [name],
  );
}

/** A copy that can be compared: a `Secret` hides its value from comparison too. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revealed(member)]));
}
