// Entry of every npm script. Plain JavaScript for any Node >= 18, since its first job is to bring the right
// one: installs the locked dependencies when they are missing or stale, then runs the task on a Node that
// `engines` accepts (the one in node_modules/.bin where the machine's own is too old).
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');
const bin = path.join(root, 'node_modules', '.bin');
const OLDEST = [24, 12];

const TASKS = {
  test: ['scripts/test.ts'],
  verify: ['scripts/test.ts', '--verify'],
  demo: ['demo/main.ts'],
  bench: ['bench/main.ts'],
  fuzz: ['fuzz/main.ts'],
  soak: ['bench/soak/main.ts'],
  build: ['scripts/build.ts'],
  docs: ['scripts/docs.ts'],
  gatehouse: ['src/main.ts'],
};

function isRecent(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** `npm ci` once per lockfile: its digest is kept inside node_modules. */
function installDependencies() {
  const digest = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules', '.lockfile-digest');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  process.stderr.write('Installing dependencies (npm ci) ...\n');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const install = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (install.status !== 0) {
    process.stderr.write('npm ci failed; see its output above.\n');
    process.exit(install.status ?? 1);
  }
  writeFileSync(stamp, digest);
}

function findNode() {
  if (isRecent(process.version)) return process.execPath;
  const packaged = path.join(bin, process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(packaged)) return packaged;
  process.stderr.write(
    `Node ${process.version} is too old: Gatehouse needs Node >= ${OLDEST.join('.')}, and no packaged Node exists for ${process.platform}-${process.arch}. Install Node 26 and try again.\n`,
  );
  process.exit(1);
}

const [task, ...rest] = process.argv.slice(2);
if (task === undefined || !Object.hasOwn(TASKS, task)) {
  process.stderr.write(`Usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')}\n`);
  process.exit(2);
}
installDependencies();
const node = findNode();
const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...TASKS[task], ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${bin}${path.delimiter}${process.env.PATH}`,
  },
});
// A terminal sends Ctrl-C to both, so that it is not passed on; a supervisor sends SIGTERM to this process alone.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  process.stderr.write(`${node} cannot be started (${error.code}).\n`);
  process.exit(1);
});
child.on('exit', (code) => process.exit(code ?? 1));
