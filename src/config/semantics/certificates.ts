import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { ConfigFiles } from '../files.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';

const MAXIMUM_BYTES = 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Every certificate, key and key set that is named: there, readable, of the right kind, and belonging together. */
export function checkCertificates(settings: Settings, report: Report, files: ConfigFiles): void {
  const { tls } = settings.listen.public;
  if (tls !== undefined) checkPair(['listen', 'public', 'tls'], tls.cert, tls.key);
  for (const [name, upstream] of Object.entries(settings.upstreams)) {
    const path = ['upstreams', name, 'tls'];
    const { ca, cert, key } = upstream.tls;
    if (ca !== undefined) readCertificates([...path, 'ca'], ca);
    if (cert !== undefined && key !== undefined) checkPair(path, cert, key);
  }
  for (const [name, issuer] of Object.entries(settings.issuers)) {
    if (issuer.tls !== undefined) readCertificates(['issuers', name, 'tls', 'ca'], issuer.tls.ca);
    if (typeof issuer.keys === 'object' && 'jwksFile' in issuer.keys)
      checkKeySet(['issuers', name, 'keys', 'jwksFile'], issuer.keys.jwksFile);
  }
  const redis = settings.store.redis?.tls;
  if (redis?.ca !== undefined) readCertificates(['store', 'redis', 'tls', 'ca'], redis.ca);
  if (redis?.cert !== undefined && redis.key !== undefined)
    checkPair(['store', 'redis', 'tls'], redis.cert, redis.key);

  function readText(path: ConfigPath, file: string): string | undefined {
    const content = files.read(file, MAXIMUM_BYTES);
    if (content.ok) return content.value.toString('utf8');
    report.problem(path, { expected: `a file that can be read (${content.error})` });
    return undefined;
  }

  function readCertificates(path: ConfigPath, file: string): readonly X509Certificate[] {
    const text = readText(path, file);
    if (text === undefined) return [];
    const certificates = parseCertificates(text);
    if (certificates.length > 0) return certificates;
    report.problem(path, { expected: 'a file with PEM certificates and nothing broken in it' });
    return [];
  }

  function checkPair(path: ConfigPath, certFile: string, keyFile: string): void {
    const [leaf] = readCertificates([...path, 'cert'], certFile);
    const text = readText([...path, 'key'], keyFile);
    if (text === undefined) return;
    const key = parsePrivateKey(text);
    if (key === undefined)
      report.problem([...path, 'key'], { expected: 'a file with a PEM private key that is not encrypted' });
    else if (leaf !== undefined && !leaf.checkPrivateKey(key))
      report.problem([...path, 'key'], { expected: 'the private key of the first certificate in cert' });
  }

  function checkKeySet(path: ConfigPath, file: string): void {
    const text = readText(path, file);
    if (text !== undefined && !isKeySet(text))
      report.problem(path, { expected: 'a JWKS: a JSON object with "keys", a list of at least one key' });
  }
}

/** Empty if any of them is broken. */
function parseCertificates(text: string): readonly X509Certificate[] {
  try {
    return (text.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

function parsePrivateKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function isKeySet(text: string): boolean {
  try {
    const set: unknown = JSON.parse(text);
    const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
    return Array.isArray(keys) && keys.length > 0;
  } catch {
    return false;
  }
}
