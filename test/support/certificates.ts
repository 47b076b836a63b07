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

/** What is wrong with a certificate. */
export interface CertificateFaults {
  /** Default: 2. Negative: it has expired. */
  readonly days?: number;
  /** Signed by itself, not by the authority. */
  readonly isSelfSigned?: boolean;
}

export interface CertificateAuthority {
  readonly caPath: string;
  readonly ca: string;
  /** `names` as OpenSSL writes alternative names: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(name: string, names: readonly string[], faults?: CertificateFaults): Certificate;
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
    issue(name, names, { days = 2, isSelfSigned = false } = {}) {
      const altNames = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`;
      writeFileSync(at(`${name}.ext`), `basicConstraints=CA:FALSE\n${altNames}`);
      openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const signing = isSelfSigned
        ? ['-signkey', `${name}.key`]
        : ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        ...signing,
        '-days',
        String(days),
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
