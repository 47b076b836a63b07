import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface CertificateAuthority {
  readonly caPath: string;
  readonly ca: string;
  /** `names` as OpenSSL writes alternative names: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(name: string, names: readonly string[]): Certificate;
  /** Removes all files. */
  remove(): void;
}

/** A certificate authority of its own in a temporary folder, by the openssl command; keys are EC P-256. */
export function createCertificateAuthority(): CertificateAuthority {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-ca-'));
  const at = (name: string) => path.join(folder, name);
  const openssl = (...args: readonly string[]) =>
    void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  );
  return {
    caPath: at('ca.pem'),
    ca: readFileSync(at('ca.pem'), 'utf8'),
    issue(name, names) {
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names.join(',')}\n`);
      openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'] as const;
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        ...signing,
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.pem`,
      );
      return {
        cert: readFileSync(at(`${name}.pem`), 'utf8'),
        key: readFileSync(at(`${name}.key`), 'utf8'),
        certPath: at(`${name}.pem`),
        keyPath: at(`${name}.key`),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
