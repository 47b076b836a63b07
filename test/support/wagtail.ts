import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createPythonEnvironment } from './python.ts';

/** Wagtail as `wagtail start` makes it, served by gunicorn on 127.0.0.1, with an administrator, an editor and a user who may not edit. */
export interface Wagtail {
  /** Of everything that takes part: `python 3.11.7, wagtail 8.0.1, …`. */
  readonly versions: string;
  /** URL; the same after a restart. */
  readonly url: string;
  /** How many sessions its database has. */
  sessions(): number;
  /** Ends all of its sessions, without telling anybody. */
  endSessions(): void;
  stop(): Promise<void>;
  restart(): Promise<void>;
  remove(): Promise<void>;
}

export const WAGTAIL_HOST = 'cms.example.com';
export const WAGTAIL_USERS = {
  anna: { username: 'anna', password: 'anna&pw=ö+"', email: 'anna@cms.test' },
  bob: { username: 'bob', password: 'bob-pw', email: 'bob@cms.test' },
  /** May not edit. */
  carl: { username: 'carl', password: 'carl-pw', email: 'carl@cms.test' },
} as const;

/** What an operator sets who puts it behind a proxy that terminates TLS, and what makes a test database quick. */
const SETTINGS = `
DEBUG = False
SECRET_KEY = "of a test, and of no other use than to be long enough"
ALLOWED_HOSTS = ["${WAGTAIL_HOST}"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
from .base import DATABASES
DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY"}
`;

const SET_UP = `
import json, sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
users = get_user_model().objects
anna, bob, carl = json.loads(sys.stdin.read())
users.create_superuser(**anna)
users.create_user(**bob).groups.add(Group.objects.get(name="Editors"))
users.create_user(**carl)
import platform, gunicorn, wagtail
print(f"python {platform.python_version()}, wagtail {wagtail.__version__}, django {django.__version__}, gunicorn {gunicorn.__version__}")
`;

/** Or why there is none. */
export async function startWagtail(): Promise<Wagtail | string> {
  const python = createPythonEnvironment(['wagtail', 'gunicorn']);
  if (typeof python === 'string') return python;
  const { program } = python;
  const site = mkdtempSync(path.join(tmpdir(), 'gatehouse-wagtail-'));
  const env = { ...process.env, DJANGO_SETTINGS_MODULE: 'cms.settings.dev' };

  function run(program: string, args: readonly string[], input = ''): string {
    const done = spawnSync(program, args, { cwd: site, env, input, encoding: 'utf8', timeout: 90_000 });
    if (done.status !== 0) throw new Error(`${args[0]}: ${done.error?.message ?? done.stderr.slice(-500)}`);
    return done.stdout.trim();
  }

  run(path.join(path.dirname(program), 'wagtail'), ['start', 'cms', site]);
  writeFileSync(path.join(site, 'cms', 'settings', 'local.py'), SETTINGS);
  const versions = run(program, ['-c', SET_UP], JSON.stringify(Object.values(WAGTAIL_USERS)));

  let server = await serve(0);
  const url = server.url;

  /** Port 0: any. */
  async function serve(port: number): Promise<{ readonly url: string; readonly child: ChildProcess }> {
    const args = ['-m', 'gunicorn', '--bind', `127.0.0.1:${port}`, '--threads', '4', 'cms.wsgi'];
    const child = spawn(program, args, { cwd: site, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    for await (const bytes of child.stderr) {
      said += String(bytes);
      const address = /Listening at: (\S+)/.exec(said)?.[1];
      if (address === undefined) continue;
      // Nobody reads on; it must not wait for that.
      child.stderr.destroy();
      return { url: address, child };
    }
    throw new Error(`gunicorn: ${said.slice(-500)}`);
  }

  async function stop(): Promise<void> {
    if (server.child.exitCode !== null || server.child.signalCode !== null) return;
    const exit = once(server.child, 'exit');
    server.child.kill('SIGQUIT');
    await exit;
  }

  function query<T>(ask: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(path.join(site, 'db.sqlite3'), { timeout: 5000 });
    try {
      return ask(database);
    } finally {
      database.close();
    }
  }

  return {
    versions,
    url,
    sessions: () =>
      query((database) => Number(database.prepare('SELECT count(*) AS n FROM django_session').get()?.['n'])),
    endSessions: () => query((database) => database.exec('DELETE FROM django_session')),
    stop,
    async restart() {
      server = await serve(Number(new URL(url).port));
    },
    async remove() {
      await stop();
      rmSync(site, { recursive: true, force: true });
      python.remove();
    },
  };
}
