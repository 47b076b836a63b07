import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** A certificate for 127.0.0.1 that signs itself, made by the openssl command; paths of its PEM files in `folder`. */
export function makeCertificate(folder: string): { readonly cert: string; readonly key: string } {
  const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key];
  const names = ['-subj', '/CN=soak', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...newKey, '-out', files.cert, '-days', '8', ...names], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return files;
}
