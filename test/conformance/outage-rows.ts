import { BY_NOBODY, bearer, byItself, cookie, keyField, type Row } from './row.ts';

const ENVOY = { 'envoy-http': byItself(503, 'takes a 5xx for no answer, and says 503 itself') };
const line = 'GET /api/orders/1';

/** While nobody reaches the store. */
export const OUTAGE_ROWS: readonly Row[] = [
  {
    title: 'a key that was not seen before',
    line,
    fields: (of) => [keyField(of.unseenKey)],
    decision: '503 store_unavailable',
    except: ENVOY,
  },
  {
    title: 'a session while the store is away',
    line,
    fields: (of) => [cookie(of.session)],
    decision: '503 store_unavailable',
    except: ENVOY,
  },
  {
    title: 'a token of ours while the store is away',
    line,
    fields: (of) => [bearer(of.opaque)],
    decision: '503 store_unavailable',
    except: ENVOY,
  },
  { title: 'a public route while the store is away', line: 'GET /status', decision: '200', told: BY_NOBODY },
  { title: 'no credential while the store is away', line, decision: '503 store_unavailable', except: ENVOY },
];
