import { expect, test } from 'vitest';
import { requestsInTurn } from '../../../bench/load/connection.ts';
import { REQUEST_FIELDS, requestFields, requestText } from '../../../bench/load/request.ts';

test('a field is replaced however it is spelled, and left out with null', () => {
  const fields = requestFields({ 'x-api-key': 'mine', Accept: null, Authorization: 'Bearer t' });
  const { 'X-Api-Key': _replaced, Accept: _leftOut, ...others } = REQUEST_FIELDS;
  expect(fields).toEqual({ ...others, 'x-api-key': 'mine', Authorization: 'Bearer t' });
  expect(requestText(fields).match(/api-key/gi)).toHaveLength(1);
});

test('requests are sent one after the other, and then from the first one again', () => {
  const next = requestsInTurn(['a', 'b']);
  expect([next(), next(), next()].map(String)).toEqual(['a', 'b', 'a']);
});
