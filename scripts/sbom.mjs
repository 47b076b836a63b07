/**
 * Writes a CycloneDX 1.5 list of the packages that are installed in `node_modules`, to standard output: what an image has, and nothing
 * that its lockfile has besides.
 */
import { readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
// npm's own record of the tree that it installed.
const { packages } = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8'));

const components = Object.entries(packages).map(([folder, installed]) => {
  const packageName = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${packageName.replace('@', '%40')}@${installed.version}`;
  const [algorithm, digest] = (installed.integrity ?? '').split('-', 2);
  return {
    type: 'library',
    'bom-ref': folder,
    name: packageName,
    version: installed.version,
    purl,
    ...(installed.license !== undefined && { licenses: [{ license: { name: installed.license } }] }),
    ...(algorithm === 'sha512' && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
    }),
  };
});

const list = {
  $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component: { type: 'application', name, version, purl: `pkg:npm/${name}@${version}` } },
  components,
};
process.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
