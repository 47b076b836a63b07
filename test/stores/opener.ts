/** Run as a process of its own by lock.test.ts: opens the store, writes a key, says how it went. */
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { anApiKey } from '../contract/fixtures.ts';

const [file = '', ending] = process.argv.slice(2);
try {
  const stores = openEmbeddedStore({ path: file, clock: systemClock });
  await stores.apiKeys.create(anApiKey('from-opener'));
  if (ending === 'kill') process.kill(process.pid, 'SIGKILL');
  await stores.close();
  process.stdout.write('opened\n');
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
}
