import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { anAuditRecord, NOW } from './fixtures.ts';
import { race, type StoreAdapter, useStores } from './store-adapter.ts';

function records(from: number, to: number): readonly AuditRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => anAuditRecord(`d${from + index}`));
}

export function auditStoreContract(adapter: StoreAdapter): void {
  describe(`the audit stream in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    async function readIds(filter: {
      after?: number;
      decisionId?: string;
      limit: number;
    }): Promise<readonly string[]> {
      return (await stores().audit.read(filter)).map((record) => record.decisionId);
    }

    it('a record is read as it was appended, with its position', async () => {
      const full: AuditRecord = {
        at: NOW + 0.5,
        decisionId: 'd1',
        event: 'administration',
        decision: 'changed',
        code: 'keys.create',
        reason: 'ünïcode\n"quoted"',
        subject: 'admin:alice',
        credential: 'key:8K2M9QXT',
        tenant: 'acme',
        route: 'orders',
        method: 'GET',
        host: 'acme.example.com',
        path: '/orders',
        peer: '192.0.2.7',
        status: 201,
      };
      await stores().audit.append([full, anAuditRecord('d2')]);
      const [first, second, ...rest] = await stores().audit.read({ limit: 10 });
      expect(first).toStrictEqual({ ...full, sequence: first?.sequence });
      expect(second).toStrictEqual({ ...anAuditRecord('d2'), sequence: second?.sequence });
      expect(second?.sequence).toBeGreaterThan(first?.sequence ?? Number.POSITIVE_INFINITY);
      expect(rest).toEqual([]);
    });

    it('an empty append and an empty stream are fine', async () => {
      await stores().audit.append([]);
      expect(await stores().audit.read({ limit: 10 })).toEqual([]);
      expect(await stores().audit.prune(0)).toBe(0);
    });

    it('the newest records come without a position, newest last', async () => {
      await stores().audit.append(records(1, 5));
      expect(await readIds({ limit: 2 })).toEqual(['d4', 'd5']);
      expect(await readIds({ limit: 0 })).toEqual([]);
    });

    it('pages by position cover every record once, in order', async () => {
      await stores().audit.append(records(1, 7));
      const seen: string[] = [];
      let after = 0;
      for (;;) {
        const page = await stores().audit.read({ after, limit: 3 });
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(3);
        seen.push(...page.map((record) => record.decisionId));
        after = page.at(-1)?.sequence ?? after;
      }
      expect(seen).toEqual(['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7']);
    });

    it('the records of one decision are found among others', async () => {
      const ofTwo = [anAuditRecord('d2', { code: 'first' }), anAuditRecord('d2', { code: 'second' })];
      await stores().audit.append([...records(1, 3), ...ofTwo, ...records(3, 9)]);
      const found = await stores().audit.read({ decisionId: 'd2', limit: 10 });
      expect(found.map((record) => record.code)).toEqual(['admitted', 'first', 'second']);
      const newest = await stores().audit.read({ decisionId: 'd2', limit: 1 });
      expect(newest.map((record) => record.code)).toEqual(['second']);
      const later = await stores().audit.read({ decisionId: 'd2', after: found[0]?.sequence ?? 0, limit: 1 });
      expect(later.map((record) => record.code)).toEqual(['first']);
      expect(await readIds({ decisionId: 'unknown', limit: 10 })).toEqual([]);
    });

    it('the records of a tenant, of a code, and of both are found among others, and pages of them have no gap', async () => {
      const kinds = ['acme', 'globex', undefined].flatMap((tenant) =>
        ['keys.create', 'credential_invalid'].map((code) => ({
          code,
          ...(tenant !== undefined && { tenant }),
        })),
      );
      await stores().audit.append(
        Array.from({ length: 60 }, (_, at) => anAuditRecord(`d${at}`, kinds[at % kinds.length])),
      );
      expect(await stores().audit.read({ tenant: 'acme', limit: 100 })).toHaveLength(20);
      expect(await stores().audit.read({ code: 'keys.create', limit: 100 })).toHaveLength(30);
      const both = { tenant: 'globex', code: 'credential_invalid' };
      const all = await stores().audit.read({ ...both, limit: 100 });
      expect(all.map(({ decisionId }) => decisionId)).toEqual(
        Array.from({ length: 10 }, (_, at) => `d${at * 6 + 3}`),
      );
      expect(await stores().audit.read({ ...both, limit: 2 })).toEqual(all.slice(-2));
      expect(await stores().audit.read({ ...both, after: all[3]?.sequence ?? 0, limit: 3 })).toEqual(
        all.slice(4, 7),
      );
      expect(await stores().audit.read({ ...both, decisionId: 'd3', limit: 3 })).toEqual(all.slice(0, 1));
      expect(await stores().audit.read({ tenant: 'nobody', limit: 3 })).toEqual([]);
    });

    it('50 appends at once keep each batch together and in its order', async () => {
      await race(50, (index) =>
        stores().audit.append([anAuditRecord(`b${index}`), anAuditRecord(`b${index}`)]),
      );
      const ids = await readIds({ limit: 200 });
      expect(ids).toHaveLength(100);
      for (let index = 0; index < 100; index += 2) expect(ids[index]).toBe(ids[index + 1]);
    });

    it('pruning keeps the newest, and positions go on growing', async () => {
      await stores().audit.append(records(1, 10));
      expect(await stores().audit.prune(20)).toBe(0);
      expect(await stores().audit.prune(3)).toBe(7);
      expect(await stores().audit.prune(3)).toBe(0);
      expect(await readIds({ limit: 10 })).toEqual(['d8', 'd9', 'd10']);
      const last = (await stores().audit.read({ limit: 1 }))[0]?.sequence ?? 0;

      expect(await stores().audit.prune(0)).toBe(3);
      await stores().audit.append(records(11, 11));
      expect(await readIds({ after: last, limit: 10 })).toEqual(['d11']);
    });

    it('pruning many records drops all of them', async () => {
      await stores().audit.append(records(1, 12_000));
      expect(await stores().audit.prune(10)).toBe(11_990);
      expect(await readIds({ limit: 100 })).toHaveLength(10);
    });
  });
}
