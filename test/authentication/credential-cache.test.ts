import { describe, expect, it } from 'vitest';
import { createCredentialCache } from '../../src/authentication/credential-cache.ts';
import {
  type Accepted,
  type Refused,
  refused,
  type Verification,
} from '../../src/authentication/verifier.ts';
import type { Principal } from '../../src/principals/principal.ts';
import { tenant } from '../support/authentication.ts';

const PRINCIPAL: Principal = {
  kind: 'user',
  subject: 'user:login:4711',
  tenants: [tenant('acme')],
  scopes: new Set(),
  roles: new Set(),
  profile: {},
  method: 'jwt',
  credentialId: 'token:login:1',
  revocationIds: [],
};

function accepted(changes: Partial<Accepted> = {}): Accepted {
  return { kind: 'accepted', principal: PRINCIPAL, ...changes };
}

function unknown(reusableUntil = 10): Refused {
  return { ...refused('credential_invalid', 'unknown'), reusableUntil };
}

describe('the cache of credentials', () => {
  it('gives back the very object that was remembered', async () => {
    const cache = createCredentialCache(100);
    const verification = accepted();
    expect(cache.find('a', 0)).toBeUndefined();
    await cache.fill('a', () => Promise.resolve(verification));
    expect(cache.find('a', 0)).toBe(verification);
    expect(cache.find('b', 0)).toBeUndefined();
  });

  it('shares one verification among all who ask at once, and its failure too', async () => {
    const cache = createCredentialCache(100);
    let runs = 0;
    const gate = Promise.withResolvers<Verification>();
    const verify = (): Promise<Verification> => {
      runs += 1;
      return gate.promise;
    };
    const fills = Promise.allSettled(Array.from({ length: 50 }, () => cache.fill('a', verify)));
    gate.reject(new Error('store gone'));
    expect((await fills).every(({ status }) => status === 'rejected')).toBe(true);
    expect(runs).toBe(1);
    await cache.fill('a', () => Promise.resolve(accepted()));
    expect(cache.find('a', 0)?.kind).toBe('accepted');
  });

  it('forgets what depends on what changed, and only that', async () => {
    const cache = createCredentialCache(100);
    await cache.fill('a', () => Promise.resolve(accepted({ dependsOn: ['key:A'] })));
    await cache.fill('a2', () => Promise.resolve(accepted({ dependsOn: ['key:A'] })));
    await cache.fill('b', () => Promise.resolve(accepted({ dependsOn: ['key:B'] })));
    cache.changed('key:A');
    expect(cache.find('a', 0)).toBeUndefined();
    expect(cache.find('a2', 0)).toBeUndefined();
    expect(cache.find('b', 0)).toBeDefined();
    await cache.fill('a', () => Promise.resolve(accepted({ dependsOn: ['key:A'] })));
    cache.changed('key:A');
    expect(cache.size()).toBe(1);
  });

  it('forgets a dependant that was remembered twice', async () => {
    const cache = createCredentialCache(100);
    await cache.fill('a', () => Promise.resolve(accepted({ dependsOn: ['key:A'] })));
    await cache.fill('a', () => Promise.resolve(accepted({ dependsOn: ['key:A'] })));
    cache.changed('key:A');
    expect(cache.find('a', 0)).toBeUndefined();
  });

  it('verifies again what a change overtook, and does not hand the old answer to who asks after the change', async () => {
    const cache = createCredentialCache(100);
    const slow = Promise.withResolvers<Verification>();
    const answers = [slow.promise, Promise.resolve(unknown())];
    const early = cache.fill('a', () => answers.shift() ?? Promise.reject(new Error('asked too often')));
    cache.changed('key:A');
    const late = cache.fill('a', () => Promise.resolve(unknown()));
    slow.resolve(accepted({ dependsOn: ['key:A'] }));
    expect((await late).kind).toBe('refused');
    expect((await early).kind).toBe('refused');
    expect(cache.find('a', 0)?.kind).toBe('refused');
  });

  it('hands nobody an answer that began before a change that they came after, not even in a storm', async () => {
    const cache = createCredentialCache(100);
    const slow = Promise.withResolvers<Verification>();
    const lastTry = Promise.withResolvers<void>();
    let tries = 0;
    const early = cache.fill('a', () => {
      tries += 1;
      if (tries === 3) {
        lastTry.resolve();
        return slow.promise;
      }
      cache.changed('key:A');
      return Promise.resolve(accepted({ dependsOn: ['key:A'] }));
    });
    await lastTry.promise;
    cache.changed('key:A');
    const late = cache.fill('a', () => Promise.resolve(unknown()));
    slow.resolve(accepted({ dependsOn: ['key:A'] }));
    expect((await late).kind).toBe('refused');
    await early;
    expect(cache.find('a', 0)?.kind).toBe('refused');
  });

  it('answers in the end under a storm of changes, and remembers nothing of it', async () => {
    const cache = createCredentialCache(100);
    const verification = await cache.fill('a', () => {
      cache.changed('key:A');
      return Promise.resolve(accepted({ dependsOn: ['key:A'] }));
    });
    expect(verification.kind).toBe('accepted');
    expect(cache.find('a', 0)).toBeUndefined();
  });

  it('remembers what a change of something else overtook', async () => {
    const cache = createCredentialCache(100);
    let tries = 0;
    await cache.fill('a', () => {
      tries += 1;
      cache.changed('session:other');
      return Promise.resolve(accepted({ dependsOn: ['client:web', 'session:A'] }));
    });
    expect(tries).toBe(1);
    expect(cache.find('a', 0)?.kind).toBe('accepted');
    cache.changed('client:web');
    expect(cache.find('a', 0)).toBeUndefined();
  });

  it('remembers a refusal until its time, and none without one', async () => {
    const cache = createCredentialCache(100);
    await cache.fill('a', () => Promise.resolve(unknown(10)));
    await cache.fill('b', () => Promise.resolve(refused('credential_invalid', 'malformed')));
    expect(cache.find('a', 9)?.kind).toBe('refused');
    expect(cache.find('a', 10)).toBeUndefined();
    expect(cache.find('b', 0)).toBeUndefined();
    cache.changed('key:created');
    expect(cache.find('a', 9)).toBeUndefined();
  });

  it('lets no number of wrong credentials push out a right one', async () => {
    const cache = createCredentialCache(100);
    await cache.fill('right', () => Promise.resolve(accepted()));
    for (let wrong = 0; wrong < 1000; wrong += 1)
      await cache.fill(`wrong ${wrong}`, () => Promise.resolve(unknown()));
    expect(cache.find('right', 0)).toBeDefined();
    expect(cache.find('wrong 0', 0)).toBeUndefined();
    expect(cache.find('wrong 999', 0)).toBeDefined();
  });

  it('holds no more than it may, and forgets the dependencies of what it dropped', async () => {
    const cache = createCredentialCache(100);
    for (let entry = 0; entry < 250; entry += 1) {
      await cache.fill(`${entry}`, () => Promise.resolve(accepted({ dependsOn: [`key:${entry}`] })));
    }
    expect(cache.size()).toBe(100);
    expect(cache.find('149', 0)).toBeUndefined();
    expect(cache.find('150', 0)).toBeDefined();
  });

  it('does not reuse what is over or no longer bound', async () => {
    const cache = createCredentialCache(100);
    let isBound = true;
    await cache.fill('a', () =>
      Promise.resolve(accepted({ reusableUntil: 10, isStillBound: () => isBound })),
    );
    expect(cache.find('a', 9)).toBeDefined();
    expect(cache.find('a', 10)).toBeUndefined();
    isBound = false;
    expect(cache.find('a', 9)).toBeUndefined();
  });
});
