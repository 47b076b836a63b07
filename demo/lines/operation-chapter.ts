/** What an operator does while it runs. */
import type { Stage } from '../stage/stage.ts';
import { answers, arrivesWith, hides, prints, reachesNobody, refuses } from './checks.ts';
import type { Chapter, DemoLine } from './demo-line.ts';

function gatehouse(
  title: string,
  args: readonly string[],
  expected: string,
  pattern: RegExp,
  secrets: readonly string[] = [],
): DemoLine {
  return {
    title,
    command: { kind: 'gatehouse', args },
    expected,
    checks: [prints(pattern), hides(secrets), reachesNobody],
  };
}

export function operationChapter({ credentials, env, ports }: Stage): Chapter {
  const asGlobex: DemoLine['command'] = {
    kind: 'request',
    request: {
      method: 'GET',
      host: 'globex.localhost',
      path: '/api/orders',
      fields: [['X-API-Key', credentials.globexKey]],
      shows: 'answer',
    },
  };
  const explained = `http://acme.localhost:${ports.gateway}/api/orders`;
  return {
    title: 'What an operator does',
    lines: [
      gatehouse(
        'suspend a tenant',
        ['tenants', 'suspend', 'globex', '--reason', 'unpaid'],
        'globex is suspended',
        /suspended/,
      ),
      {
        title: 'its right key, suspended',
        command: asGlobex,
        expected: '403 tenant_suspended; the legacy API receives nothing',
        checks: [refuses(403, 'tenant_suspended'), reachesNobody],
      },
      gatehouse('resume it', ['tenants', 'resume', 'globex'], 'globex is active', /active/),
      {
        title: 'its right key, resumed',
        command: asGlobex,
        expected: '200, as globex',
        checks: [answers(200), arrivesWith({ 'X-Tenant-Id': 'globex' })],
      },
      gatehouse(
        'explain an admission, sending nothing',
        ['explain', 'GET', explained, '-H', `X-API-Key: ${credentials.acmeKey}`],
        'admitted; the steps, and the fields that would be forwarded',
        /^admitted[\s\S]*X-Tenant-Id: acme/,
        [credentials.acmeKey, env.ACME_LEGACY_KEY],
      ),
      gatehouse(
        'explain a refusal',
        ['explain', 'GET', explained, '-H', `X-API-Key: ${credentials.globexKey}`],
        'denied: tenant_mismatch, and the reason that a client is not told',
        /^denied: tenant_mismatch/,
        [credentials.globexKey],
      ),
      gatehouse(
        'list the keys',
        ['keys', 'list', '--tenant', 'acme'],
        'states and last uses; never a secret',
        /Acme ERP/,
        [credentials.acmeKey, credentials.acmeLegacyKey],
      ),
      gatehouse('how it is', ['status'], 'version, revision of the configuration, checks', /revision/),
    ],
  };
}
