/** Orders with 64-bit ids. They are kept and answered as bytes: every id is odd and above 2^53, so a double would change it. */
import { answerJson, refuse } from './answer.ts';
import { readJson } from './body.ts';
import type { Call, Route } from './route.ts';
import type { Tenant } from './tenants.ts';

const FIRST_ID = 9_007_199_254_740_993n;
const KEPT_PER_TENANT = 1000;

/** By id in decimal; the value is the order's JSON. */
type OrderBook = Map<string, Buffer>;

export function orderRoutes(): readonly Route[] {
  const books = new Map<string, OrderBook>();
  let nextId = FIRST_ID;

  function bookOf(tenantId: string): OrderBook {
    const book = books.get(tenantId) ?? new Map<string, Buffer>();
    books.set(tenantId, book);
    return book;
  }

  /** The client's bytes go into the order as they are: spaces, key order and large integers included. */
  function place(tenantId: string, body: Buffer): { readonly id: string; readonly json: Buffer } {
    const id = nextId.toString();
    nextId += 2n;
    const json = Buffer.concat([Buffer.from(`{"id":${id},"order":`), body, Buffer.from('}')]);
    const book = bookOf(tenantId);
    book.set(id, json);
    const [oldest] = book.keys();
    if (book.size > KEPT_PER_TENANT && oldest !== undefined) book.delete(oldest);
    return { id, json };
  }

  function listOrders(call: Call, tenant: Tenant): void {
    const orders = [...bookOf(tenant.id).values()];
    answerJson(call.response, 200, Buffer.from(`{"orders":[${orders.join(',')}],"total":${orders.length}}`));
  }

  function showOrder(call: Call, tenant: Tenant): void {
    const order = bookOf(tenant.id).get(call.parameter);
    if (order === undefined) refuse(call.response, 404, 4040, 'Order not found');
    else answerJson(call.response, 200, order);
  }

  async function placeOrder(call: Call, tenant: Tenant): Promise<void> {
    const body = await readJson(call.request);
    switch (body.kind) {
      case 'too-large':
        return refuse(call.response, 413, 4130, 'Order too large');
      case 'malformed':
        return refuse(call.response, 400, 4000, 'Order is not JSON');
      case 'json': {
        const { id, json } = place(tenant.id, body.bytes);
        return answerJson(call.response, 201, json, { Location: `/api/orders/${id}` });
      }
    }
  }

  place('acme', Buffer.from('{"sku":"Schraube M8","quantity":250}'));
  place('acme', Buffer.from('{"sku":"Mutter M8","quantity":250}'));
  place('globex', Buffer.from('{"sku":"Doomsday device","quantity":1}'));

  return [
    { kind: 'tenant', path: /^\/api\/orders$/, handlers: { GET: listOrders, POST: placeOrder } },
    { kind: 'tenant', path: /^\/api\/orders\/(\d{1,19})$/, handlers: { GET: showOrder } },
  ];
}
