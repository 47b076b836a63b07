import { AnswerReader } from '../../../src/upstream/wire/answer-reader.ts';
import { WireFault } from '../../../src/upstream/wire/wire-fault.ts';
import { RecordedAnswer } from './recorded-answer.ts';

/** What a reader made of the bytes of a connection. */
export type ReadAnswer =
  | {
      readonly kind: 'whole';
      readonly interim: readonly (readonly [number, readonly string[]])[];
      readonly status: number;
      readonly reason: string;
      readonly fields: readonly string[];
      /** Latin-1. */
      readonly body: string;
      /** Bytes of the answer. */
      readonly length: number;
      /** Nothing came behind it, and another may. */
      readonly isReusable: boolean;
    }
  /** The connection ended before it did. */
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'refused' };

/** Reads the answer to `method` from pieces, after which the connection ends. */
export function readAnswer(pieces: readonly Buffer[], method = 'GET'): ReadAnswer {
  const reader = new AnswerReader();
  const answer = new RecordedAnswer();
  reader.begin(method, false, answer);
  let length = 0;
  try {
    for (const [index, piece] of pieces.entries()) {
      // As on a connection, where the buffer is used again.
      const borrowed = Buffer.from(piece);
      const reading = reader.read(borrowed, true);
      borrowed.fill(0);
      if (reading === 'whole') {
        const isLast = index === pieces.length - 1 && reader.position === piece.length;
        return whole(answer, length + reader.position, reader.isPersistent && isLast);
      }
      length += piece.length;
    }
  } catch (error) {
    if (error instanceof WireFault) return { kind: 'refused' };
    throw error;
  }
  return reader.endsWithConnection ? whole(answer, length, false) : { kind: 'unfinished' };
}

function whole({ interim, head, body }: RecordedAnswer, length: number, isReusable: boolean): ReadAnswer {
  if (head === undefined) throw new Error('whole without a head');
  return { kind: 'whole', interim, ...head, body: body.toString('latin1'), length, isReusable };
}

/** The bytes of Latin-1 text, cut at these positions. */
export function cutAt(text: string, ...positions: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const cuts = [0, ...positions, bytes.length];
  return cuts.slice(1).flatMap((end, index) => {
    const start = cuts[index] ?? 0;
    return end > start ? [bytes.subarray(start, end)] : [];
  });
}
