/** Requests of commands, and their answers (PROTOCOL.md 1.7). */
import { assertLaw } from '../../core/error.ts';
import type { CommitEntry, InboxAnswer } from '../store.ts';
import { exactly, orRefused, type Sending } from './sending.ts';

/** $1 id, $2 kind, $3 name, $4 bytes as base64. Put again it is the one that is there. */
export const insertRequest = `
insert into inbox (id, kind, name, bytes) values ($1, $2, $3, decode($4, 'base64')) on conflict (id) do nothing`;

export const selectNextRequest = `
select id, kind, name, bytes from inbox where answer is null order by at, id limit 1`;

export const selectRequests = `
select id, kind, name, at, answer from inbox where ($1::text is null or id = $1) and ($2::boolean is null or (answer is null) = $2)
order by at, id`;

const updateAnswer = exactly(
  '1',
  `
update inbox set answer = $2, bytes = null, answered_at = clock_timestamp() where id = $1 and answer is null`,
);

export async function sendAnswer(sending: Sending, { id, answer }: InboxAnswer): Promise<void> {
  await sending.send(updateAnswer, [id, answer], (sent) =>
    orRefused(sent, () => assertLaw(false, 'a request is answered once, and only one that is there')),
  );
}

export async function writeAnswers(sending: Sending, entries: readonly CommitEntry[]): Promise<void> {
  for (const { fulfils = null } of entries) if (fulfils !== null) await sendAnswer(sending, fulfils);
}
