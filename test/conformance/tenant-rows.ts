import { BY_GLOBEX_KEY, BY_GLOBEX_TOKEN, BY_KEY, bearer, cookie, keyField, type Row } from './row.ts';

const line = 'GET /api/orders/1';

/** Sources of the tenant that agree, disagree, or are absent. */
export const TENANT_ROWS: readonly Row[] = [
  {
    title: 'a key on the host of another tenant',
    line,
    fields: (of) => [keyField(of.globexKey)],
    decision: '403 tenant_mismatch',
  },
  {
    title: 'a key on its own host',
    line,
    host: 'globex.gw.test',
    fields: (of) => [keyField(of.globexKey)],
    decision: '200',
    told: BY_GLOBEX_KEY,
  },
  {
    title: 'a key on a host without a tenant',
    line,
    host: 'api.test',
    fields: (of) => [keyField(of.globexKey)],
    decision: '200',
    told: BY_GLOBEX_KEY,
  },
  {
    title: 'a token on the host of another tenant',
    line,
    host: 'globex.gw.test',
    fields: (of) => [bearer(of.token)],
    decision: '403 tenant_mismatch',
  },
  {
    title: 'a token of two tenants that nothing selects',
    line,
    host: 'api.test',
    fields: (of) => [bearer(of.wideToken)],
    decision: '403 tenant_unresolved',
  },
  {
    title: 'a token of two tenants, selected by the host',
    line,
    host: 'globex.gw.test',
    fields: (of) => [bearer(of.wideToken)],
    decision: '200',
    told: BY_GLOBEX_TOKEN,
  },
  {
    title: 'a session on the host of another tenant',
    line,
    host: 'globex.gw.test',
    fields: (of) => [cookie(of.session)],
    decision: '403 tenant_mismatch',
  },
  {
    title: 'a path of another tenant',
    line: 'GET /t/globex/x',
    host: 'api.test',
    fields: (of) => [keyField(of.key)],
    decision: '403 tenant_mismatch',
  },
  {
    title: 'a path of its own tenant',
    line: 'GET /t/acme/x',
    host: 'api.test',
    fields: (of) => [keyField(of.key)],
    decision: '200',
    told: BY_KEY,
  },
  {
    title: 'a field of another tenant',
    line: 'GET /f/x',
    host: 'api.test',
    fields: (of) => [keyField(of.key), 'X-Tenant: globex'],
    decision: '403 tenant_mismatch',
  },
  {
    title: 'a field of its own tenant',
    line: 'GET /f/x',
    host: 'api.test',
    fields: (of) => [keyField(of.key), 'X-Tenant: acme'],
    decision: '200',
    told: BY_KEY,
  },
  {
    title: 'a host that should name a tenant and does not',
    line: 'GET /h/x',
    host: 'api.test',
    fields: (of) => [keyField(of.key)],
    decision: '403 tenant_unresolved',
  },
  {
    title: 'a host of a tenant that is not there',
    line,
    host: 'nobody.gw.test',
    fields: (of) => [keyField(of.key)],
    decision: '404 tenant_not_found',
  },
];
