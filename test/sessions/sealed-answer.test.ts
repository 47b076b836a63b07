import { describe, expect, it } from 'vitest';
import { openAnswer, sealAnswer } from '../../src/sessions/sealed-answer.ts';
import { drawRotating, drawSessionId, drawSuccessor } from '../../src/sessions/session-credential.ts';

describe('the sealed answer of a rotation', () => {
  const id = drawSessionId();
  const replaced = drawRotating('refresh', id);
  const successor = drawSuccessor(replaced.text);
  const rotation = { id, successorDigest: successor.digest };
  const sealed = sealAnswer('{"access_token":"…"}', replaced.text, rotation);

  it('is opened by the replaced credential alone', () => {
    expect(openAnswer(sealed, replaced.text, rotation)).toBe('{"access_token":"…"}');
    expect(openAnswer(sealed, successor.text, rotation)).toBeUndefined();
    expect(openAnswer(sealed, drawSuccessor(replaced.text).text, rotation)).toBeUndefined();
  });

  it('is of one rotation of one session', () => {
    expect(openAnswer(sealed, replaced.text, { ...rotation, id: drawSessionId() })).toBeUndefined();
    expect(
      openAnswer(sealed, replaced.text, { ...rotation, successorDigest: replaced.digest }),
    ).toBeUndefined();
  });

  it('is nothing when it was damaged', () => {
    expect(openAnswer('', replaced.text, rotation)).toBeUndefined();
    expect(openAnswer(`${sealed.slice(0, -4)}AAAA`, replaced.text, rotation)).toBeUndefined();
  });
});
