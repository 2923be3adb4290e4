/** The thread beside (beside.ts): hashes the blocks of an object, and reads pieces of it, as it is told. */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { PieceReader } from '../../reader/piece-reader.ts';
import { type BesideAnswer, type BesideTask, type BesideWork, counters } from './beside-messages.ts';

const port = parentPort!;
const { object, reading, counters: shared } = workerData as BesideTask;
const words = new Int32Array(shared);
const hash = createHash('sha256');
let pieces: PieceReader | null = null;

function answer(message: BesideAnswer): void {
  port.postMessage(message);
}

port.on('message', (work: BesideWork) => {
  if (work.kind === 'end') return answer({ kind: 'ended', digest: hash.digest('hex'), pieces: pieces?.end() ?? null });
  if (work.kind === 'hash') hash.update(new Uint8Array(work.buffer, 0, work.bytes));
  else {
    pieces ??= new PieceReader(object, reading, work.start);
    pieces.read(new Uint8Array(work.buffer, work.from, work.end - work.from), work.line);
  }
  Atomics.add(words, counters.done, 1);
  if (Atomics.exchange(words, counters.waiting, 0) !== 0) answer({ kind: 'done' });
});
