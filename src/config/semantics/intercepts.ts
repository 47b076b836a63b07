import { parseTarget } from '../../http/target.ts';
import { textsOf } from '../login-template.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { LoginSettings, Settings } from '../schema/config.ts';
import type { RequestLine } from '../schema/login.ts';
import { type Entry, refuseDuplicates } from './entries.ts';

/** Login routes that are taken over: each of one login, and in agreement with what its upstream reads. */
export function checkIntercepts(settings: Settings, report: Report): void {
  const routes: Entry[] = [];
  for (const [name, login] of Object.entries(settings.login)) {
    const path = ['login', name];
    checkSources(report, path, login);
    const { intercept } = login;
    if (intercept === undefined) continue;
    const place = [...path, 'intercept'];
    for (const key of ['route', 'logout'] as const) {
      const line = intercept[key];
      if (line === undefined) continue;
      checkLine(report, [...place, key], line);
      routes.push({ path: [...place, key], text: `${line.method} ${line.target}` });
    }
    if (intercept.route.method !== login.request.method)
      report.problem([...place, 'route'], {
        expected: `the method of request, which is ${login.request.method}`,
      });
    if (/^__(?:host|secure)-/i.test(intercept.cookieName ?? ''))
      report.problem([...place, 'cookieName'], {
        expected: 'a name without __Host- and __Secure-, which old clients do not know',
      });
    checkBody(report, path, login);
  }
  refuseDuplicates(report, routes, 'a route');
}

function checkLine(report: Report, path: ConfigPath, { target }: RequestLine): void {
  const parsed = parseTarget(target);
  if (!parsed.ok || target.includes('?'))
    report.problem(path, { expected: 'a path that can be read in one way only, without a query' });
  if (target.startsWith('/.well-known'))
    report.problem(path, { expected: 'a path outside of /.well-known, where the gateway answers itself' });
}

function checkSources(report: Report, path: ConfigPath, { tenant, intercept, request }: LoginSettings): void {
  const bodies = tenant.flatMap((source, index) => (source.startsWith('body:') ? [{ source, index }] : []));
  for (const [position, { source, index }] of bodies.entries()) {
    const place = [...path, 'tenant', index];
    if (intercept === undefined)
      report.problem(place, {
        found: `"${source}" without "intercept"`,
        expected: 'another source: only an intercepted login has a body of its own',
      });
    else if (position > 0) report.problem(place, { expected: 'one body source' });
    else if (request.form !== undefined && source.lastIndexOf('/') > source.indexOf('/'))
      report.problem(place, { expected: 'body:/NAME, since the login is a form' });
  }
}

/** Upstream and gateway must read the same user and the same tenant in what a client posts. */
function checkBody(report: Report, path: ConfigPath, { request, tenant }: LoginSettings): void {
  const key = request.json === undefined ? 'form' : 'json';
  const texts = textsOf(request.json ?? request.form ?? null);
  for (const name of ['username', 'password'] as const) {
    const whole = texts.filter(({ text }) => text === `{${name}}`);
    const isUsed = texts.some(({ text }) => text.includes(`{${name}}`));
    if (isUsed && whole.length !== 1)
      report.problem([...path, 'request', key], {
        found: `{${name}} within other text, or twice`,
        expected: `{${name}} as the one whole value that it has in the body of an intercepted login`,
      });
  }
  for (const { path: place, text } of texts) {
    const source = `body:/${place.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
    if (text.includes('{tenant.id}') && !tenant.includes(source))
      report.problem([...path, 'request', key, ...place], {
        found: '{tenant.id} at a place that clients fill in themselves',
        expected: `${source} in "tenant", so that it is compared`,
      });
  }
  for (const [name, text] of Object.entries(request.fields))
    if (text.includes('{prepare.'))
      report.problem([...path, 'request', 'fields', name], {
        found: '{prepare.…} in a login that is intercepted',
        expected: 'no such placeholder: nothing is prepared for a client that posts its own login',
      });
}
